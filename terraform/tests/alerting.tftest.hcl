# Alerts: alarms may publish, subscribers hear, nobody else gets in.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "thumbs"
  aws         = { account_id = "123456789012", partition = "aws", region = "eu-central-1" }
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  dlq_name    = "thumbs-dead-letters"
  without_tls = { Bool = { "aws:SecureTransport" = ["false"] } }
  subscriptions = {
    mail  = { protocol = "email", endpoint = "ops@example.com" }
    queue = { protocol = "sqs", endpoint = "arn:aws:sqs:eu-central-1:123456789012:q", raw_message_delivery = true, filter_policy = "{\"kind\":[\"digest\"]}" }
  }
}

run "topic" {
  module {
    source = "./modules/alerting"
  }

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == var.kms_key_arn
    error_message = "Alerts must be encrypted with the customer-managed key; CloudWatch cannot use another."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_sns_topic.this.policy).Statement : statement if statement.Effect == "Allow"
      ] == [{
        Sid       = "AlarmsOfThisAccountPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this.arn
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:*" }
          StringEquals = { "aws:SourceAccount" = "123456789012" }
        }
    }]
    error_message = "The alarms of this account and region must be able to publish, and no other service."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_sns_topic.this.policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "sns:Publish" &&
      statement.Resource == aws_sns_topic.this.arn && jsonencode(statement.Condition) == jsonencode(var.without_tls)
    ])
    error_message = "The topic must deny what comes without TLS."
  }

  assert {
    condition = (
      length(aws_sns_topic_subscription.this) == 2 &&
      alltrue([for subscription in aws_sns_topic_subscription.this : subscription.topic_arn == aws_sns_topic.this.arn])
    )
    error_message = "Every subscriber must hear from the topic."
  }

  assert {
    condition = (
      aws_sns_topic_subscription.this["queue"].raw_message_delivery &&
      aws_sns_topic_subscription.this["queue"].filter_policy == var.subscriptions["queue"].filter_policy &&
      aws_sns_topic_subscription.this["mail"].protocol == "email" &&
      !aws_sns_topic_subscription.this["mail"].raw_message_delivery
    )
    error_message = "A subscription must be what was asked for."
  }
}

run "dead_letters_alarm" {
  module {
    source = "./modules/alerting"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.dead_letters.namespace == "AWS/SQS" &&
      aws_cloudwatch_metric_alarm.dead_letters.metric_name == "ApproximateNumberOfMessagesVisible" &&
      aws_cloudwatch_metric_alarm.dead_letters.dimensions == tomap({ QueueName = "thumbs-dead-letters" }) &&
      aws_cloudwatch_metric_alarm.dead_letters.comparison_operator == "GreaterThanThreshold" &&
      aws_cloudwatch_metric_alarm.dead_letters.threshold == 0
    )
    error_message = "One dead letter must raise the alarm."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.dead_letters.alarm_actions == toset([aws_sns_topic.this.arn])
    error_message = "The alarm must reach the topic, whose policy lets alarms publish."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.dead_letters.treat_missing_data == "notBreaching"
    error_message = "A queue that nobody touches reports nothing, and is no reason to wake anybody."
  }
}
