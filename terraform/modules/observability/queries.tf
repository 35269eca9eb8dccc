# What to ask the log and the traces, ready to run.

locals {
  queries = { for file in fileset("${path.module}/queries", "*.query") : trimsuffix(file, ".query") => file("${path.module}/queries/${file}") }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = { for name, query in local.queries : name => query if var.saved_searches }

  name            = "${var.name}/${each.key}" # the console shows what is before the slash as a folder
  log_group_names = [var.log_group_name]
  query_string    = each.value
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
