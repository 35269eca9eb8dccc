# A workflow of Step Functions, such as one that has each new image moderated. It begins with the CloudEvent alone.

resource "aws_cloudwatch_event_rule" "workflow" {
  name           = "${var.deployment}-images-to-workflow"
  event_bus_name = var.event_bus_arn
  event_pattern  = local.ready_images
}

resource "aws_cloudwatch_event_target" "workflow" {
  rule           = aws_cloudwatch_event_rule.workflow.name
  event_bus_name = var.event_bus_arn
  arn            = var.state_machine_arn
  role_arn       = aws_iam_role.workflow.arn
  input_path     = "$.detail"

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
}

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
resource "aws_iam_role" "workflow" {
  name = "${var.deployment}-images-to-workflow"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.workflow.arn } }
    }]
  })
}

resource "aws_iam_role_policy" "workflow" {
  name = "start"
  role = aws_iam_role.workflow.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["states:StartExecution"], Resource = var.state_machine_arn }]
  })
}
