# One named policy per capability: a reader sees at a glance what the function can do, and a test can take one away.

locals {
  # What every function may do, and with tracing that as well.
  capabilities = {
    logs = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      },
    ]

    trace = [
      {
        # X-Ray knows no resources to narrow this down to.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = "*"
      },
    ]
  }

  policies = merge(var.capabilities, {
    for name, statements in local.capabilities : name => jsonencode(statements) if name != "trace" || var.tracing != null
  })
}

resource "aws_iam_role" "this" {
  name                 = coalesce(var.role_name, var.name)
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # No aws:SourceAccount here: Lambda is not documented to pass it when it assumes an execution role. Nobody else's
      # function can use the role anyhow, since PassRole does not cross accounts.
      # https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "capability" {
  for_each = local.policies

  name   = each.key
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = jsondecode(each.value) })
}
