# When a function is invoked. The schedule has a group of its own, since metrics and trust are told apart by groups.

locals {
  group_arn = "arn:${var.aws.partition}:scheduler:${var.aws.region}:${var.aws.account_id}:schedule-group/${var.names.group}"
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.names.group
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:Its input tells when it was due and nothing else, so that there is nothing to encrypt.
  name                = var.names.schedule
  description         = var.description
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = var.expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.function_arn
    role_arn = aws_iam_role.this.arn
    input    = var.input

    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 300
    }
  }

  depends_on = [aws_iam_role_policy.invoke]
}

resource "aws_iam_role" "this" {
  name                 = var.names.role
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.aws.account_id, "aws:SourceArn" = local.group_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "invoke" {
  name = "invoke"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = var.function_arn
    }]
  })
}
