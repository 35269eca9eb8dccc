# Slack and Teams, through Amazon Q Developer in chat applications, which was AWS Chatbot. Somebody has to authorise
# the workspace or the team once, in its console: no API can.
# https://docs.aws.amazon.com/chatbot/latest/adminguide/getting-started.html

locals {
  chat_names = toset(concat(keys(var.chat_channels.slack), keys(var.chat_channels.teams)))

  # What people in a channel may do with AWS is what both its role and its guardrail allow. Left out, the guardrail
  # would be AdministratorAccess.
  # https://docs.aws.amazon.com/chatbot/latest/adminguide/understanding-permissions.html
  guardrails = ["arn:${var.aws.partition}:iam::aws:policy/CloudWatchReadOnlyAccess"]
}

resource "aws_iam_role" "chat" {
  for_each = local.chat_names

  name                 = var.names.chat_roles[each.key]
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "chatbot.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # https://docs.aws.amazon.com/chatbot/latest/adminguide/cross-service-confused-deputy-prevention.html
      Condition = { StringEquals = { "aws:SourceAccount" = var.aws.account_id } }
    }]
  })
}

# Enough to draw an alarm's graph and to look around; not the logs, which name the uploads.
resource "aws_iam_role_policy" "chat" {
  #checkov:skip=CKV_AWS_355:It reads, and nothing but metrics, which have no ARNs, alarms and dashboards: who is paged looks at more than this deployment.
  for_each = local.chat_names

  name = "look"
  role = aws_iam_role.chat[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = [
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetDashboard",
        "cloudwatch:GetMetricData",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:GetMetricWidgetImage",
        "cloudwatch:ListDashboards",
        "cloudwatch:ListMetrics",
      ]
      # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
      Resource = "*"
    }]
  })
}

resource "aws_chatbot_slack_channel_configuration" "this" {
  for_each = var.chat_channels.slack

  configuration_name    = var.names.chat_channels[each.key]
  slack_team_id         = each.value.workspace_id
  slack_channel_id      = each.value.channel_id
  iam_role_arn          = aws_iam_role.chat[each.key].arn
  guardrail_policy_arns = local.guardrails
  logging_level         = "ERROR"
  sns_topic_arns        = [for tier in each.value.tiers : local.topics[tier].arn]
  tags                  = var.tags
}

resource "aws_chatbot_teams_channel_configuration" "this" {
  for_each = var.chat_channels.teams

  configuration_name    = var.names.chat_channels[each.key]
  tenant_id             = each.value.tenant_id
  team_id               = each.value.team_id
  channel_id            = each.value.channel_id
  iam_role_arn          = aws_iam_role.chat[each.key].arn
  guardrail_policy_arns = local.guardrails
  logging_level         = "ERROR"
  sns_topic_arns        = [for tier in each.value.tiers : local.topics[tier].arn]
  tags                  = var.tags
}
