# A schedule: of one function, as a role of its own that nothing but this schedule can be.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = aws_iam_role.this
    values = { arn = "arn:aws:iam::123456789012:role/thumbs-reconciler-schedule" }
  }
}

variables {
  names                    = { schedule = "thumbs-reconciler", group = "thumbs", role = "thumbs-reconciler-schedule" }
  description              = "Has the reconciler go on."
  expression               = "rate(1 day)"
  function_arn             = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler"
  aws                      = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
}

run "schedule" {
  module {
    source = "./modules/schedule"
  }

  assert {
    condition = (
      aws_scheduler_schedule.this.schedule_expression == "rate(1 day)" &&
      aws_scheduler_schedule.this.group_name == aws_scheduler_schedule_group.this.name &&
      aws_scheduler_schedule.this.target[0].arn == var.function_arn &&
      aws_scheduler_schedule.this.target[0].role_arn == aws_iam_role.this.arn
    )
    error_message = "The schedule must run the function, as its own role."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_retry_attempts == 2 && aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_event_age_in_seconds == 300
    error_message = "What cannot be started must not be tried for a day, which is the default."
  }

  assert {
    condition = one(jsondecode(aws_iam_role_policy.invoke.policy).Statement) == {
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler"
    } && aws_iam_role_policy.invoke.role == aws_iam_role.this.id
    error_message = "The schedule must be able to invoke this one function, and nothing else."
  }

  assert {
    condition = one(jsondecode(aws_iam_role.this.assume_role_policy).Statement) == {
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = "123456789012"
          "aws:SourceArn"     = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/${aws_scheduler_schedule_group.this.name}"
        }
      }
    }
    error_message = "Only schedules of this group may run the function."
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == var.permissions_boundary_arn
    error_message = "No role may do more than the boundary allows."
  }
}
