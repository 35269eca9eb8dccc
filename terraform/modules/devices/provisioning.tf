# Fleet provisioning by claim: devices leave the factory with one certificate in common, and exchange it for one of their own
# when they connect for the first time. Only for things that are in the registry by then, without a certificate.
# https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html#claim-based

locals {
  provisioning = toset(var.provisioning == null ? [] : ["on"])

  # What a claim calls itself: no thing can have that name, so none is thrown out by whoever has a claim.
  claims = "claim.*"

  claim_topics = ["$aws/certificates/create/*", "$aws/certificates/create-from-csr/*", "$aws/provisioning-templates/${var.names.template}/provision/*"]
}

resource "aws_iot_provisioning_template" "this" {
  for_each = local.provisioning

  name                  = var.names.template
  description           = "Gives devices of ${var.names.thing_type} their certificates, in exchange for a claim"
  enabled               = true
  provisioning_role_arn = aws_iam_role.provisioning[each.key].arn
  tags                  = var.tags

  pre_provisioning_hook {
    target_arn      = module.admission[each.key].arn
    payload_version = "2020-04-01"
  }

  # An exclusive attachment: the certificate can be no other thing's besides.
  # https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
  template_body = jsonencode({
    Parameters = { SerialNumber = { Type = "String" } }
    Resources = {
      thing = {
        Type = "AWS::IoT::Thing"
        Properties = {
          ThingName     = { Ref = "SerialNumber" }
          ThingTypeName = aws_iot_thing_type.this.name
        }
        OverrideSettings = { AttributePayload = "DO_NOTHING", ThingTypeName = "DO_NOTHING", ThingGroups = "DO_NOTHING" }
      }
      certificate = {
        Type = "AWS::IoT::Certificate"
        Properties = {
          CertificateId      = { Ref = "AWS::IoT::Certificate::Id" }
          Status             = "Active"
          ThingPrincipalType = "EXCLUSIVE_THING"
        }
      }
      policy = {
        Type       = "AWS::IoT::Policy"
        Properties = { PolicyName = aws_iot_policy.thing.name }
      }
    }
  })

  # AWS IoT refuses a hook that it may not invoke.
  depends_on = [aws_lambda_permission.hook, aws_iam_role_policy.provisioning]
}

module "admission" {
  source   = "../function"
  for_each = local.provisioning

  name        = var.functions["admission"].name
  role_name   = var.functions["admission"].role_name
  description = "Decides which device may exchange a claim for a certificate of its own"
  handler     = "device_admission.handler.handler"
  aws         = var.aws
  package     = var.functions["admission"].package

  # A cold start has to fit into what AWS IoT waits.
  sizing = { memory_mb = 1769, timeout_seconds = local.hook_seconds }

  environment = merge({
    THING_TYPE = aws_iot_thing_type.this.name
    LOG_LEVEL  = var.log_level
  }, var.functions["admission"].environment)
  capabilities = { for name in local.of.admission : name => jsonencode(local.capabilities[name]) }
  logs         = var.functions["admission"].logs
  tracing      = var.tracing
  vpc          = var.functions["admission"].vpc
  tags         = var.tags

  permissions_boundary_arn = var.functions["admission"].permissions_boundary_arn
}

resource "aws_lambda_permission" "hook" {
  for_each = local.provisioning

  statement_id   = var.names.template
  action         = "lambda:InvokeFunction"
  function_name  = module.admission[each.key].name
  principal      = "iot.amazonaws.com"
  source_account = var.aws.account_id
  source_arn     = local.template_arn
}

# What AWS IoT does for a device that was let in. AWSIoTThingsRegistration, which AWS suggests, may do as much to every thing,
# policy, group and certificate of the account.
resource "aws_iam_role" "provisioning" {
  for_each = local.provisioning

  name                 = var.names.provisioning_role
  permissions_boundary = var.functions["asks"].permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html
      Effect    = "Allow"
      Principal = { Service = "iot.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = local.template_arn }, StringEquals = { "aws:SourceAccount" = var.aws.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "provisioning" {
  for_each = local.provisioning

  name   = "provision"
  role   = aws_iam_role.provisioning[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.capabilities["provision"] })
}

# For the claim's certificate, which is made and put into devices by hand.
resource "aws_iot_policy" "claim" {
  for_each = local.provisioning

  name = var.names.claim_policy
  tags = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "iot:Connect"
        Resource = "${local.iot}:client/${local.claims}"
      },
      {
        Effect   = "Allow"
        Action   = ["iot:Publish", "iot:Receive"]
        Resource = [for topic in local.claim_topics : "${local.iot}:topic/${topic}"]
      },
      {
        Effect   = "Allow"
        Action   = "iot:Subscribe"
        Resource = [for topic in local.claim_topics : "${local.iot}:topicfilter/${topic}"]
      },
    ]
  })
}
