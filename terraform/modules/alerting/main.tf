# Where people are told: a topic for each tier, and who hears of which.

locals {
  # Failures of single images are news. A warning is for the working day. Critical wakes somebody up.
  topic_arns = {
    for tier, name in var.names.topics : tier => try(
      var.existing_topics[tier].arn,
      "arn:${var.aws.partition}:sns:${var.aws.region}:${var.aws.account_id}:${name}",
    )
  }

  topics = merge(
    {
      for tier, topic in aws_sns_topic.this : tier => {
        arn         = topic.arn
        name        = topic.name
        policy      = topic.policy
        kms_key_arn = topic.kms_master_key_id
      }
    },
    {
      for tier, topic in var.existing_topics : tier => {
        arn         = topic.arn
        name        = reverse(split(":", topic.arn))[0]
        policy      = local.policies[tier] # what its owner has to see to
        kms_key_arn = topic.kms_key_arn
      }
    },
  )
}

resource "aws_sns_topic" "this" {
  for_each = { for tier, name in var.names.topics : tier => name if !contains(keys(var.existing_topics), tier) }

  name              = each.value
  kms_master_key_id = var.kms_key_arn
  policy            = local.policies[each.key]
  tags              = var.tags
}

locals {
  policies = {
    for tier, arn in local.topic_arns : tier => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        # The function publishes failures as the role that it runs as. Alarms have none, and are let in by name.
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
        tier == "failures" ? [] : [{
          Sid       = "AlarmsOfThisAccountPublish"
          Effect    = "Allow"
          Principal = { Service = "cloudwatch.amazonaws.com" }
          Action    = "sns:Publish"
          Resource  = arn
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
          Resource  = arn
          Condition = var.without_tls
        }],
      )
    })
  }
}
