# What can go wrong with bulk jobs in the account. How old the oldest message about a range is says nothing: it stays in the
# queue for as long as its range takes, which may be days.

locals {
  of_jobs = {
    for jobs in var.jobs[*] : "on" => {
      ranges = { namespace = "AWS/SQS", dimensions = { QueueName = jobs.queue_name } }
      lambda = { namespace = "AWS/Lambda", dimensions = { FunctionName = jobs.function_name } }
      told   = { namespace = "ThumbnailPipeline", dimensions = { Function = jobs.function_name } }
    }
  }

  job_alarms = {
    for key, of in local.of_jobs : key => {
      jobs-stopped = {
        # That one stops is an event. It stays stopped until somebody has it go on, which metrics do not tell.
        metrics    = { stopped = merge(of.told, { name = "JobsStopped", stat = "Sum" }) }
        expression = "stopped"
        threshold  = 1
        period     = 300
        datapoints = 1
        of         = 1
        missing    = "notBreaching" # told when it happens
        meaning    = "A bulk job stopped itself: too many images fail, its budget is spent, or a range of keys cannot be worked on. Nothing is lost, and it waits. This alarm is over after some minutes, the job is not."
        steps = [
          "See which, and why: thumbctl jobs list --stack ${var.name}, then thumbctl jobs show.",
          "Mend what it names, or allow it more; then thumbctl jobs resume has it go on where it stopped.",
          "Is it not wanted any more: thumbctl jobs cancel.",
        ]
      }

      jobs-failing = {
        # A turn that fails is had again after some seconds, five times in all.
        metrics = {
          errors = merge(of.lambda, { name = "Errors", stat = "Sum" })
          turns  = merge(of.told, { name = "TurnsFailed", stat = "Sum" })
        }
        expression = "FILL(errors, 0) + FILL(turns, 0)"
        threshold  = 1
        period     = 300
        datapoints = 2
        of         = 3
        missing    = "notBreaching" # there is no job
        meaning    = "What ${var.jobs.function_name} does for bulk jobs fails time and again: a call is refused, or it dies or cannot start. Jobs get slow, and stop."
        steps = [
          "Run the saved query ${var.name}/jobs-turns-failed: which call is refused? For crashes, read the end of ${var.jobs.log_group_name}.",
          "Compare with what was changed last: the role's policies, the key, the tables ${var.jobs.table_name} and ${var.catalog.table_name}, the archives.",
          "Undo it. Ranges are taken up again by themselves; a job that has stopped: thumbctl jobs resume.",
        ]
      }

      jobs-stalled = {
        # Lambda counts no invocation that it throttles, and what is throttled comes back.
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        metrics = {
          waiting     = merge(of.ranges, { name = "ApproximateNumberOfMessagesVisible", stat = "Maximum" })
          invocations = merge(of.lambda, { name = "Invocations", stat = "Sum" })
          throttles   = merge(of.lambda, { name = "Throttles", stat = "Sum" })
        }
        expression = "FILL(throttles, 0) + IF(FILL(waiting, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0)"
        threshold  = 1
        period     = 300
        datapoints = 3
        of         = 3
        missing    = "notBreaching" # there has never been a job
        meaning    = "For 15 minutes, ranges of bulk jobs have waited and nobody took them up, or Lambda refused to run ${var.jobs.function_name}."
        steps = [
          "Lambda console, ${var.jobs.function_name}, triggers: is the queue's enabled?",
          "Throttles? Other functions use up the account's concurrency: lower jobs.ranges_at_a_time, or have the quota raised.",
          "Neither: may its role still read ${var.jobs.queue_name}, and use the key?",
        ]
      }
    }
  }

  job_rows = [
    for jobs in var.jobs[*] : {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Bulk jobs: a minute (good: steady)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              ["ThumbnailPipeline", "ObjectsExamined", "Function", jobs.function_name, { label = "objects looked at" }],
              ["ThumbnailPipeline", "MessagesSent", "Function", jobs.function_name, { label = "messages sent" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Bulk jobs: ranges (good: back to 0)"
            region = var.aws.region
            period = 60
            stat   = "Maximum"
            metrics = [
              ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", jobs.queue_name, { label = "waiting" }],
              ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", jobs.queue_name, { label = "worked on, or waiting for room" }],
              ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", jobs.function_name, { label = "workers" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Bulk jobs: ends and faults (good: done)"
            region = var.aws.region
            period = 300
            stat   = "Sum"
            metrics = [
              ["ThumbnailPipeline", "JobsDone", "Function", jobs.function_name, { label = "jobs done" }],
              ["ThumbnailPipeline", "JobsStopped", "Function", jobs.function_name, { label = "jobs stopped" }],
              ["ThumbnailPipeline", "TurnsFailed", "Function", jobs.function_name, { label = "turns failed" }],
              ["AWS/Lambda", "Errors", "FunctionName", jobs.function_name, { label = "workers died" }],
              ["AWS/Lambda", "Throttles", "FunctionName", jobs.function_name, { label = "throttled" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
      ]
    }
  ]
}
