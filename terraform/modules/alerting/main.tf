# Where digests of failures and alarms go, and who hears of them.

locals {
  topic_name = "${var.name}-alerts"
  topic_arn  = "arn:${var.aws.partition}:sns:${var.aws.region}:${var.aws.account_id}:${local.topic_name}"
}

resource "aws_sns_topic" "this" {
  name              = local.topic_name
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsOfThisAccountPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:${var.aws.partition}:cloudwatch:${var.aws.region}:${var.aws.account_id}:alarm:*" }
          StringEquals = { "aws:SourceAccount" = var.aws.account_id }
        }
      },
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = var.without_tls
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscriptions

  topic_arn            = aws_sns_topic.this.arn
  protocol             = each.value.protocol
  endpoint             = each.value.endpoint
  filter_policy        = each.value.filter_policy
  raw_message_delivery = each.value.raw_message_delivery
}

# Who may tell of a reason now: one row a reason and window, written on the condition that there is none. Whichever of
# the many invocations wins it publishes, the others only count.
resource "aws_dynamodb_table" "digests" {
  #checkov:skip=CKV_AWS_28:Rows live for one window; what a restored table would hold back or let through is minutes old.
  name         = "${var.name}-digests"
  billing_mode = "PAY_PER_REQUEST" # one write for each invocation that saw a failure, and none in a good week
  hash_key     = "reason"
  tags         = var.tags

  attribute {
    name = "reason"
    type = "S"
  }

  # Tidies up alone: TTL deletes within days, so the function's condition compares the time itself.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  # Off on purpose: the table remembers for minutes who has spoken, and an empty one is as good as new.
  point_in_time_recovery {
    enabled = false
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name = "${var.name}-dead-letters"
  alarm_description = join(" ", [
    "Messages failed until they were given up: their images have no thumbnails, or old ones.",
    "First: read some of ${var.dlq_name}, whose bodies name the objects;",
    "then the function's log for the same keys, which says what failed;",
    "mend the cause, and start a redrive to the work queue.",
  ])
  tags = var.tags

  # Messages that are moved here do not count as sent, so the number that lies here is what tells.
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = var.dlq_name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  # SQS stops reporting on a queue that nobody has touched for hours, and that one is empty.
  treat_missing_data = "notBreaching"

  alarm_actions = [aws_sns_topic.this.arn]
  ok_actions    = [aws_sns_topic.this.arn]
}
