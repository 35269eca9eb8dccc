# What all of these share: which events are meant, and where those go that a target does not take.

provider "aws" {
  region = var.region
}

locals {
  # A pattern may look at all that an event says: detail = { data = { backfill = [false] } } leaves backfills out.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
  all_events   = jsonencode({ source = ["thumbnail-pipeline"], detail = { deployment = [var.deployment] } })
  ready_images = jsonencode({ source = ["thumbnail-pipeline"], detail-type = ["Image Ready"], detail = { deployment = [var.deployment] } })

  rules = [aws_cloudwatch_event_rule.queue, aws_cloudwatch_event_rule.function, aws_cloudwatch_event_rule.workflow, aws_cloudwatch_event_rule.endpoint]
}

# EventBridge tries a target for 24 hours, 185 times, and forgets the event then, unless there is such a queue.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.deployment}-events-undelivered"
  message_retention_seconds = 1209600 # 14 days, the most
  sqs_managed_sse_enabled   = true    # of a key of yours, the policy would have to let EventBridge in
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.undelivered.arn
      Condition = { ArnEquals = { "aws:SourceArn" = local.rules[*].arn } }
    }]
  })
}
