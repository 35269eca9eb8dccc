# The door for devices: what a thing may say and hear, the rule that hands its requests to a function, the function, and the
# queue for what came to nothing.
#
#     device ─ request ─▶ rule ─▶ asks ─ accepted | rejected ─▶ device
#                          └──────┴─▶ errors ◀─┐
#                   bus ─ ready | failed ─▶ status ─ status ─▶ device

locals {
  # https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
  hook_seconds = 5

  # Longer than an answer ever takes; a device that waits longer asks again.
  timeout_seconds = 20

  things_prefix = "${var.uploads.prefix}things/"
  iot           = "arn:${var.aws.partition}:iot:${var.aws.region}:${var.aws.account_id}"
  topics        = "${local.iot}:topic/${var.topic_prefix}"

  # Put together, because who is trusted is said before there is what is trusted.
  rule_arn     = "${local.iot}:rule/${var.names.rule}"
  template_arn = "${local.iot}:provisioningtemplate/${var.names.template}"
  alias_arn    = "${local.iot}:rolealias/${var.names.role_alias}"
  errors_arn   = "arn:${var.aws.partition}:sqs:${var.aws.region}:${var.aws.account_id}:${var.names.errors}"
}

# The account's own address for devices, to which functions publish as well.
# https://docs.aws.amazon.com/iot/latest/apireference/API_DescribeEndpoint.html
data "aws_iot_endpoint" "data" {
  endpoint_type = "iot:Data-ATS"
}

module "asks_table" {
  source = "../asks"

  name        = var.names.asks_table
  kms_key_arn = var.kms_key_arns[0]
  tags        = var.tags
}

module "asks" {
  source = "../function"

  name        = var.functions["asks"].name
  role_name   = var.functions["asks"].role_name
  description = "Answers devices that ask for uploads"
  handler     = "device_asks.handler.handler"
  aws         = var.aws
  package     = var.functions["asks"].package

  # As the API's: a full processor is half of a cold start's time, and an answer takes milliseconds of it.
  sizing = { memory_mb = 1769, timeout_seconds = local.timeout_seconds, reserved_concurrency = var.reserved_concurrency.asks }

  environment = merge({
    UPLOADS_BUCKET = var.uploads.bucket_name
    SOURCE_PREFIX  = var.uploads.prefix
    SOURCE_KEYS    = jsonencode(var.source_keys)
    CATALOG_TABLE  = var.catalog.table_name
    LIMITS         = jsonencode(merge(var.limits, { url_minutes = var.url_minutes }))
    TOPIC_PREFIX   = var.topic_prefix
    LOG_LEVEL      = var.log_level
  }, var.functions["asks"].environment)
  references   = { ASKS_TABLE = module.asks_table.table_name, IOT_ENDPOINT = data.aws_iot_endpoint.data.endpoint_address }
  capabilities = { for name in local.of.asks : name => jsonencode(local.capabilities[name]) }
  logs         = var.functions["asks"].logs
  tracing      = var.tracing
  vpc          = var.functions["asks"].vpc
  tags         = var.tags

  permissions_boundary_arn = var.functions["asks"].permissions_boundary_arn
}

# The rules engine invokes asynchronously. What failed is tried after one minute and after two more, and given up; what found
# no concurrency, for as long as its age allows. By then the device has asked again.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
resource "aws_lambda_function_event_invoke_config" "asks" {
  function_name                = module.asks.name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 900

  destination_config {
    on_failure {
      destination = aws_sqs_queue.errors.arn
    }
  }

  # Lambda refuses a destination that the role may not send to.
  depends_on = [module.asks]
}

# Requests that the rule could not hand over, those that the function gave up, and statuses that did not get out: each a
# letter in its sender's own form, to be looked at. Nothing is sent back from here: the device asks again by itself, and the
# status of an image is told when it asks.
# https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
resource "aws_sqs_queue" "errors" {
  name              = var.names.errors
  kms_master_key_id = var.kms_key_arns[0]
  tags              = var.tags

  message_retention_seconds  = 14 * 24 * 60 * 60 # the most
  receive_wait_time_seconds  = 20                # long polling, for whoever looks into the queue by hand
  visibility_timeout_seconds = 60

  # A request of 128 KB is 171 in base64.
  max_message_size = 256 * 1024

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # The others send with roles of their own.
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
        Sid       = "UndeliveredStatusesAreSent"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.errors_arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.status_rule_arn } }
      },
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.errors_arn
        Condition = var.without_tls
      },
    ]
  })
}
