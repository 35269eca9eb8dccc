# When the function runs. The schedule has a group of its own, since metrics and trust are told apart by groups.

locals {
  group_arn = "arn:${var.aws.partition}:scheduler:${var.aws.region}:${var.aws.account_id}:schedule-group/${var.names.schedule_group}"
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.names.schedule_group
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:It has no input, so that there is nothing to encrypt.
  name                = var.function.name
  description         = "Has the reconciler go on with its pass, or begin a new one."
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = var.schedule

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.function.arn
    role_arn = aws_iam_role.schedule.arn

    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 300
    }
  }

  depends_on = [module.function, aws_iam_role_policy.invoke]
}

resource "aws_iam_role" "schedule" {
  name                 = var.names.schedule_role
  permissions_boundary = var.function.permissions_boundary_arn
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
  role = aws_iam_role.schedule.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = module.function.arn
    }]
  })
}
