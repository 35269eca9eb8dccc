# Bulk jobs among the other parts: not there unless they were asked for, and then told of the right others.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "thumbs"
  archives = { folder = "./tests/fixtures" }
}

run "off" {
  assert {
    condition     = length(module.jobs) == 0 && output.jobs == null && output.operator_jobs_policy_json == null && !can(jsondecode(aws_ssm_parameter.tools.insecure_value).jobs)
    error_message = "Nothing of bulk jobs may be there unless they were asked for."
  }
}

run "on" {
  variables {
    jobs = { ranges_at_a_time = 50 }
  }

  assert {
    condition     = jsonencode(jsondecode(aws_ssm_parameter.tools.insecure_value).jobs) == jsonencode(output.jobs) && output.jobs.ranges_at_a_time == 50
    error_message = "Tools must be told of jobs what outputs say."
  }

  assert {
    condition = (
      output.jobs.table_name == "thumbs-jobs" && output.jobs.function_name == "thumbs-range-worker" && output.jobs.log_group_name == "/aws/lambda/thumbs-range-worker" &&
      module.jobs["on"].function.environment["CATALOG_TABLE"] == output.table_name && module.jobs["on"].function.environment["BACKFILL_QUEUE_URL"] == output.backfill_queue_url &&
      module.jobs["on"].function.environment["DLQ_URL"] == output.dlq_url && module.jobs["on"].function.environment["BACKFILL_MAPPING"] == output.backfill_event_source_mapping_uuid
    )
    error_message = "The function must be told of this deployment's table and queues."
  }

  # What is out of date depends on the settings.
  assert {
    condition     = module.jobs["on"].function.environment["SETTINGS"] == module.thumbnailer.settings
    error_message = "The range worker must have the settings of the function that renders."
  }
}

run "scheduled" {
  variables {
    jobs = { reconcile = { schedule = "rate(7 days)", dollars = 25 } }
  }

  assert {
    condition = (
      module.jobs["on"].function.environment["THUMBNAILS_BUCKET"] == output.thumbnails_bucket && module.jobs["on"].function.environment["METRICS_FUNCTION"] == output.function_name &&
      output.jobs.reconcile == { schedule = "rate(7 days)", dollars = 25, repair = false }
    )
    error_message = "The function must be told of this deployment's buckets and metrics, and tools of what it may do."
  }

  # The same news, by the same alarms, as of the other reconciler.
  assert {
    condition     = alltrue([for alarm in ["thumbs-incomplete", "thumbs-reconciler-errors"] : contains(keys(module.observability.alarms), alarm)])
    error_message = "Whoever has it compared on a schedule must be told of what is incomplete, and of what fails."
  }
}

run "inventories" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }

  variables {
    jobs = { inventories = [
      { bucket = "lists", prefix = "daily/", kms_key_arn = "arn:aws-cn:kms:eu-central-1:123456789012:key/lists" },
      { bucket = "lists", prefix = "weekly/", kms_key_arn = "arn:aws-cn:kms:eu-central-1:123456789012:key/lists" },
      { bucket = "others" },
    ] }
  }

  assert {
    condition     = jsonencode(output.jobs.inventories) == jsonencode(["s3://lists/daily/", "s3://lists/weekly/", "s3://others/"])
    error_message = "Tools must be told which inventories jobs may read."
  }

  assert {
    condition = jsonencode(local.inventories) == jsonencode({
      places       = output.jobs.inventories
      object_arns  = ["arn:aws-cn:s3:::lists/daily/*", "arn:aws-cn:s3:::lists/weekly/*", "arn:aws-cn:s3:::others/*"]
      kms_key_arns = ["arn:aws-cn:kms:eu-central-1:123456789012:key/lists"]
    })
    error_message = "Policies must name what lies below each prefix, and each key once."
  }
}

run "two_schedules" {
  command = plan

  variables {
    jobs      = { reconcile = { schedule = "rate(7 days)", dollars = 25 } }
    reconcile = { schedule = "rate(1 day)" }
  }

  expect_failures = [output.jobs]
}

run "both_kinds_but_one_schedule" {
  command = plan

  variables {
    jobs      = { reconcile = { repair = true } }
    reconcile = { schedule = "rate(1 day)" }
  }

  assert {
    condition     = output.jobs.reconcile.repair && length(module.reconciler) == 1
    error_message = "Whoever has the reconciler on a schedule may still have a job begun by hand."
  }
}
