# Where people are told: a topic for each tier, and who hears of which.

locals {
  # Failures of single images are news. A warning is for the working day. Critical wakes somebody up.
  topic_arns = {
    for tier, name in var.names.topics : tier => "arn:${var.aws.partition}:sns:${var.aws.region}:${var.aws.account_id}:${name}"
  }

}

resource "aws_sns_topic" "this" {
  for_each = var.names.topics

  name              = each.value
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      # The function publishes failures as the role that it runs as. Alarms have none, and are let in by name.
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
      each.key == "failures" ? [] : [{
        Sid       = "AlarmsOfThisAccountPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.topic_arns[each.key]
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:${var.aws.partition}:cloudwatch:${var.aws.region}:${var.aws.account_id}:alarm:*" }
          StringEquals = { "aws:SourceAccount" = var.aws.account_id }
        }
      }],
      [{
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arns[each.key]
        Condition = var.without_tls
      }],
    )
  })
}

moved {
  from = aws_sns_topic.this
  to   = aws_sns_topic.this["failures"]
}
