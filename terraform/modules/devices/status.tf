# The way back: what became of a device's image, from the bus to the device.

locals {
  # By its name, which means one of this account.
  bus_name        = element(split("/", var.bus_arn), 1)
  status_rule_arn = "arn:${var.aws.partition}:events:${var.aws.region}:${var.aws.account_id}:rule/${local.bus_name == "default" ? "" : "${local.bus_name}/"}${var.names.status_rule}"
}

module "status" {
  source = "../function"

  name        = var.functions["status"].name
  role_name   = var.functions["status"].role_name
  description = "Tells devices what became of their images"
  handler     = "device_status.handler.handler"
  aws         = var.aws
  package     = var.functions["status"].package

  # Set apart from the asks': a million events that are announced anew must not hold those up.
  sizing = { memory_mb = 512, timeout_seconds = local.timeout_seconds, reserved_concurrency = var.reserved_concurrency.status }

  environment = merge({
    SOURCE_PREFIX = var.uploads.prefix
    TOPIC_PREFIX  = var.topic_prefix
    LOG_LEVEL     = var.log_level
  }, var.functions["status"].environment)
  references   = { IOT_ENDPOINT = data.aws_iot_endpoint.data.endpoint_address }
  capabilities = { for name in local.of.status : name => jsonencode(local.capabilities[name]) }
  logs         = var.functions["status"].logs
  tracing      = var.tracing
  vpc          = var.functions["status"].vpc
  tags         = var.tags

  permissions_boundary_arn = var.functions["status"].permissions_boundary_arn
}

# EventBridge invokes asynchronously: what the function fails on is Lambda's to try again, and what found no concurrency waits
# there for six hours at most.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
resource "aws_lambda_function_event_invoke_config" "status" {
  function_name                = module.status.name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.errors.arn
    }
  }

  depends_on = [module.status]
}

resource "aws_cloudwatch_event_rule" "status" {
  name           = var.names.status_rule
  description    = "Picks out what became of devices' images"
  event_bus_name = local.bus_name
  tags           = var.tags

  # See functions/publisher/image_event.schema.json. A bus may carry the images of several deployments.
  event_pattern = jsonencode({
    source      = ["thumbnail-pipeline"]
    detail-type = ["Image Ready", "Image Failed"]
    detail = {
      deployment = [var.deployment]
      data       = { key = [{ prefix = local.things_prefix }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "status" {
  rule           = aws_cloudwatch_event_rule.status.name
  event_bus_name = local.bus_name
  arn            = module.status.arn

  # What Lambda does not take. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = aws_sqs_queue.errors.arn
  }

  depends_on = [aws_lambda_permission.status]
}

resource "aws_lambda_permission" "status" {
  statement_id  = var.names.status_rule
  action        = "lambda:InvokeFunction"
  function_name = module.status.name
  principal     = "events.amazonaws.com"
  source_arn    = local.status_rule_arn
}
