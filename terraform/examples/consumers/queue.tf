# A queue, which keeps events for whoever comes for them.

resource "aws_cloudwatch_event_rule" "queue" {
  name           = "${var.deployment}-images-to-queue"
  event_bus_name = var.event_bus_arn
  event_pattern  = local.all_events
}

resource "aws_cloudwatch_event_target" "queue" {
  rule           = aws_cloudwatch_event_rule.queue.name
  event_bus_name = var.event_bus_arn
  arn            = aws_sqs_queue.images.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

resource "aws_sqs_queue" "images" {
  name                    = "${var.deployment}-images"
  sqs_managed_sse_enabled = true # as above
}

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
resource "aws_sqs_queue_policy" "images" {
  queue_url = aws_sqs_queue.images.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.images.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.queue.arn } }
    }]
  })
}
