# What to ask the log and the traces, ready to run.

locals {
  # By where they look: in a folder, those of the logs of devices' functions, or of the one that works on bulk jobs.
  queries = merge(
    { for file in fileset("${path.module}/queries", "*.query") : trimsuffix(file, ".query") => { text = file("${path.module}/queries/${file}"), log_group_names = [var.log_group_name] } },
    {
      for file in fileset("${path.module}/queries/devices", "*.query") :
      trimsuffix(file, ".query") => { text = file("${path.module}/queries/devices/${file}"), log_group_names = values(var.devices.log_group_names) } if var.devices != null
    },
    {
      for file in fileset("${path.module}/queries/jobs", "*.query") :
      trimsuffix(file, ".query") => { text = file("${path.module}/queries/jobs/${file}"), log_group_names = [var.jobs.log_group_name] } if var.jobs != null
    },
  )
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = { for name, query in local.queries : name => query if var.saved_searches }

  name            = "${var.name}/${each.key}" # the console shows what is before the slash as a folder
  log_group_names = each.value.log_group_names
  query_string    = each.value.text
}

# X-Ray decides once about a request: what the uploading service samples, S3 and SQS pass on, and Lambda records. What
# Lambda samples of the others cannot be configured, so a rule for this function would be one for nothing.
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
# https://docs.aws.amazon.com/xray/latest/devguide/xray-services-s3.html
resource "aws_xray_sampling_rule" "uploads" {
  for_each = { for rule in var.sampling[*] : "on" => rule }

  rule_name      = each.value.name
  service_name   = each.value.service_name
  fixed_rate     = each.value.rate
  reservoir_size = each.value.reservoir
  priority       = each.value.priority
  version        = 1
  tags           = var.tags

  service_type = "*"
  host         = "*"
  http_method  = "*"
  url_path     = "*"
  resource_arn = "*"
}

resource "aws_xray_group" "this" {
  for_each = toset([for name in [var.xray_group_name] : name if var.saved_searches])

  group_name        = each.key
  filter_expression = "service(\"${var.function.name}\")"
  tags              = var.tags

  insights_configuration {
    insights_enabled      = false # charged for each trace
    notifications_enabled = false
  }
}
