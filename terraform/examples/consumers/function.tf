# A function of yours, which is given each event. Lambda itself tries it three times, and forgets it then: give the function
# a destination for failures of its own.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html

resource "aws_cloudwatch_event_rule" "function" {
  name           = "${var.deployment}-images-to-function"
  event_bus_name = var.event_bus_arn
  event_pattern  = local.all_events
}

resource "aws_cloudwatch_event_target" "function" {
  rule           = aws_cloudwatch_event_rule.function.name
  event_bus_name = var.event_bus_arn
  arn            = data.aws_lambda_function.consumer.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

resource "aws_lambda_permission" "consumer" {
  statement_id  = "${var.deployment}-images"
  action        = "lambda:InvokeFunction"
  function_name = var.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.function.arn
}

data "aws_lambda_function" "consumer" {
  function_name = var.function_name
}
