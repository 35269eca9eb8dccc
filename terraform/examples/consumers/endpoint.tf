# An HTTPS endpoint of anybody's, to which each event is posted as a CloudEvent in JSON.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#32-structured-content-mode

resource "aws_cloudwatch_event_rule" "endpoint" {
  name           = "${var.deployment}-images-to-endpoint"
  event_bus_name = var.event_bus_arn
  event_pattern  = local.all_events
}

resource "aws_cloudwatch_event_target" "endpoint" {
  rule           = aws_cloudwatch_event_rule.endpoint.name
  event_bus_name = var.event_bus_arn
  arn            = aws_cloudwatch_event_api_destination.consumer.arn
  role_arn       = aws_iam_role.endpoint.arn
  input_path     = "$.detail"

  http_target {
    header_parameters = { Content-Type = "application/cloudevents+json; charset=utf-8" }
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400 # the most
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

resource "aws_cloudwatch_event_api_destination" "consumer" {
  name                             = "${var.deployment}-images"
  connection_arn                   = aws_cloudwatch_event_connection.consumer.arn
  http_method                      = "POST"
  invocation_endpoint              = var.endpoint
  invocation_rate_limit_per_second = 50 # what is more waits
}

# EventBridge keeps the key in Secrets Manager.
resource "aws_cloudwatch_event_connection" "consumer" {
  name               = "${var.deployment}-images"
  authorization_type = "API_KEY"

  auth_parameters {
    api_key {
      key   = "X-Api-Key"
      value = var.endpoint_key
    }
  }
}

resource "aws_iam_role" "endpoint" {
  name = "${var.deployment}-images-to-endpoint"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.endpoint.arn } }
    }]
  })
}

resource "aws_iam_role_policy" "endpoint" {
  name = "post"
  role = aws_iam_role.endpoint.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["events:InvokeApiDestination"], Resource = aws_cloudwatch_event_api_destination.consumer.arn }]
  })
}
