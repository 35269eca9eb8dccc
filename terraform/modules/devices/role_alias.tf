# For devices that have an SDK: credentials of AWS in exchange for their certificate, to put images without asking. They are good
# for 15 minutes, the least there is, and for the device's own prefix.
# https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
#
# What they cannot bound: how large an image is, of which type, how many there are, and whether it is what the device said.
# Revoking the certificate ends none that were given out.

locals {
  role_alias = toset(var.role_alias ? ["on"] : [])
}

resource "aws_iot_role_alias" "this" {
  for_each = local.role_alias

  alias               = var.names.role_alias
  role_arn            = aws_iam_role.device[each.key].arn
  credential_duration = 900
  tags                = var.tags
}

resource "aws_iam_role" "device" {
  for_each = local.role_alias

  name                 = var.names.device_role
  permissions_boundary = var.functions["asks"].permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # No condition: the credentials provider is not documented to say for whom it asks. Nobody else's alias can stand for the
      # role, since PassRole does not cross accounts.
      Effect    = "Allow"
      Principal = { Service = "credentials.iot.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "device" {
  for_each = local.role_alias

  name   = "put-own"
  role   = aws_iam_role.device[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.put_own })
}

data "aws_iot_endpoint" "credentials" {
  for_each = local.role_alias

  endpoint_type = "iot:CredentialProvider"
}
