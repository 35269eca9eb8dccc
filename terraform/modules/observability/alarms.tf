# What is wrong, as far as metrics can tell: warnings here, what wakes somebody up in pages.tf.
#
# Every alarm is an expression over metrics and goes off when it is at or above its threshold. An alarm may have ten
# metrics, all of one period, and no SEARCH, since its expression has to be one series.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
#
# FILL stands where a metric is only there when something happened. The newest minute may then be filled before its
# metric has arrived: such an alarm wants several datapoints.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax

locals {
  of = {
    work     = { namespace = "AWS/SQS", dimensions = { QueueName = var.queue.name } }
    backfill = { namespace = "AWS/SQS", dimensions = { QueueName = var.backfill.name } }
    dead     = { namespace = "AWS/SQS", dimensions = { QueueName = var.dlq.name } }
    lambda   = { namespace = "AWS/Lambda", dimensions = { FunctionName = var.function.name } }
    pipeline = { namespace = "ThumbnailPipeline", dimensions = { Function = var.function.name } }
    table    = { namespace = "AWS/DynamoDB", dimensions = { TableName = var.catalog.table_name } }
    index = {
      namespace  = "AWS/DynamoDB"
      dimensions = { TableName = var.catalog.table_name, GlobalSecondaryIndexName = var.catalog.failures_index_name }
    }
  }

  # A bulk import keeps the function at its maximum and is late by design. Late although there is concurrency to
  # spare means that something holds images up. Lambda tells the concurrency of both queues together: what a backfill
  # may have of it, and has messages for, is not the uploads'.
  busy_concurrency = ceil(var.function.maximum_concurrency * var.thresholds.busy_percent / 100)
  busy = {
    concurrency = merge(local.of.lambda, { name = "ConcurrentExecutions", stat = "Maximum" })
    backfilling = merge(local.of.backfill, { name = "ApproximateNumberOfMessagesNotVisible", stat = "Maximum" })
  }
  backfilling = "IF(FILL(backfilling, 0) < ${var.backfill.maximum_concurrency}, FILL(backfilling, 0), ${var.backfill.maximum_concurrency})"
  to_spare    = "(FILL(concurrency, 0) - ${local.backfilling}) < ${local.busy_concurrency}"

  retention_seconds = var.queue.retention_days * 24 * 60 * 60

  # Pairs: the same at two thresholds.
  dead_letters = {
    # Whoever reads some of them hides them for a while, which mends nothing.
    metrics = {
      letters = merge(local.of.dead, { name = "ApproximateNumberOfMessagesVisible", stat = "Maximum" })
      hidden  = merge(local.of.dead, { name = "ApproximateNumberOfMessagesNotVisible", stat = "Maximum" })
    }
    expression = "letters + hidden"
    period     = 60
    datapoints = 1
    of         = 1
    # Messages that are moved here do not count as sent, so the number that lies here is what tells. SQS stops
    # reporting on a queue that nobody touches for six hours, and letters do not go away by being left alone:
    # missing data leaves the alarm as it is. Whoever empties the queue touches it.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
    missing = "ignore"
    steps = [
      "Read some of ${var.dlq.name} (thumbctl dlq peek): the bodies name the objects.",
      "Put a key into the saved query ${var.name}/story-of-one-key, which tells of every try; ${var.name}/returned-by-error tells of all.",
      "Mend the cause, then have each letter go back to the queue that it came from: thumbctl dlq redrive.",
    ]
  }
  oldest_message = {
    metrics = {
      age          = merge(local.of.work, { name = "ApproximateAgeOfOldestMessage", stat = "Maximum" })
      backfill_age = merge(local.of.backfill, { name = "ApproximateAgeOfOldestMessage", stat = "Maximum" })
    }
    # Of an array, so that a queue about which there is nothing to say does not silence the other.
    expression = "MAX([age, backfill_age])"
    period     = 300
    datapoints = 1
    of         = 1
    missing    = "notBreaching" # there is an age only while there are messages
    steps = [
      "Dashboard ${var.name}: which queue is it, and is concurrency at its maximum? Then more comes in than goes out: raise maximum_concurrency, or backfill.maximum_concurrency.",
      "If not, something else is wrong first: errors and throttles of ${var.function.name}, or a trigger that is paused.",
      "To gain time, raise retention.queue_days up to 14: it holds for messages that wait already.",
    ]
  }
  failure_ratio = {
    metrics = {
      ready  = merge(local.of.pipeline, { name = "Ready", stat = "Sum" })
      failed = merge(local.of.pipeline, { name = "Failed", stat = "Sum" })
    }
    expression = "IF(ready + failed >= ${var.thresholds.failed_minimum}, 100 * failed / (ready + failed), 0)"
    period     = 900
    datapoints = 1
    of         = 1
    missing    = "notBreaching" # no invocations, no failures
    steps = [
      "Run the saved query ${var.name}/failures-by-reason: one reason or many? It names examples.",
      "Look at an example. What was uploaded broken is for its sender to mend; if good images fail, go back to the archives before; if they are out-of-memory, crashed or too-slow, see the function's memory and time.",
      "Upload it again, or have it rendered again once the cause is gone: thumbctl retry. thumbctl failures lists it, from the index ${var.catalog.failures_index_name} of ${var.catalog.table_name}.",
    ]
  }

  rules = {
    dead-letters = merge(local.dead_letters, {
      threshold = 1
      meaning   = "Messages failed until they were given up: their images have no thumbnails, or old ones."
    })

    oldest-message = merge(local.oldest_message, {
      threshold = local.retention_seconds * var.thresholds.oldest_percent / 100
      meaning   = "The oldest message of ${var.queue.name} or ${var.backfill.name} has waited for ${var.thresholds.oldest_percent} % of the ${var.queue.retention_days} days after which SQS deletes it, and its image would never have thumbnails."
    })

    failure-ratio = merge(local.failure_ratio, {
      threshold = var.thresholds.failed_percent
      meaning   = "${var.thresholds.failed_percent} % or more of the images of the last 15 minutes failed for good: the catalog has the reason of each, and they are not tried again."
    })

    images-late = {
      # CloudWatch takes percentiles of the values that a document lists.
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
      metrics    = merge(local.busy, { age = merge(local.of.pipeline, { name = "Age", stat = "p99" }) })
      expression = "IF(${local.to_spare}, age / 1000, 0)"
      threshold  = var.thresholds.late_seconds
      period     = 300
      datapoints = 3
      of         = 3
      missing    = "notBreaching" # no image became ready, so none was late
      meaning    = "For 15 minutes, one image in a hundred took ${var.thresholds.late_seconds} seconds or more from upload to thumbnail, with concurrency to spare."
      steps = [
        "Run the saved query ${var.name}/slowest-images: is it fetching, rendering, storing or committing?",
        "Run ${var.name}/returned-by-error: images that were tried again are late by their waits.",
        "If images are fast once they run, see the age of the oldest message and cold starts on the dashboard ${var.name}.",
      ]
    }

    backlog-late = {
      # Of the uploads alone: a backfill takes as long as it takes.
      metrics    = merge(local.busy, { age = merge(local.of.work, { name = "ApproximateAgeOfOldestMessage", stat = "Maximum" }) })
      expression = "IF(${local.to_spare}, age, 0)"
      threshold  = var.thresholds.late_seconds
      # A message whose worker died comes back after the visibility timeout, once: ten minutes outlast it. One that
      # was received three times does not count any more, and is on its way to the dead letters.
      period     = 60
      datapoints = 10
      of         = 10
      missing    = "notBreaching" # there is an age only while there are messages
      meaning    = "For 10 minutes, the oldest message of ${var.queue.name} has been ${var.thresholds.late_seconds} seconds old or more, with concurrency to spare: something holds it up."
      steps = [
        "Is the trigger of ${var.function.name} enabled? If so, dashboard ${var.name}: throttles or errors? The concurrency of the account may be used up by others.",
        "Run the saved query ${var.name}/returned-by-error: the same messages time and again?",
        "Run ${var.name}/crashes: a worker that dies keeps its messages until the visibility timeout is over.",
      ]
    }

    function-crashes = {
      metrics = {
        errors   = merge(local.of.lambda, { name = "Errors", stat = "Sum" })
        systemic = merge(local.of.pipeline, { name = "Systemic", stat = "Sum" })
      }
      # An error is counted when the invocation began, and Systemic when it ended: a difference of the two would be
      # wrong at every border of periods.
      # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
      expression = "IF(FILL(systemic, 0) > 0, 0, errors)"
      threshold  = var.thresholds.crashes
      period     = 300
      datapoints = 2
      of         = 3
      missing    = "notBreaching" # no invocations, no crashes
      meaning    = "Invocations of ${var.function.name} died without a word: out of memory, out of time or killed. Their messages come back, and each image is then rendered in a process of its own."
      steps = [
        "Run the saved query ${var.name}/crashes: time-outs or memory?",
        "Dashboard ${var.name}: memory near the setting, raise memory_mb; duration near the timeout, raise timeout_seconds or lower batching.size.",
        "An image that goes on crashing becomes FAILED with the reason crashed, out-of-memory or too-slow: see ${var.name}/failures-by-reason.",
      ]
    }

    function-throttles = {
      metrics    = { throttles = merge(local.of.lambda, { name = "Throttles", stat = "Sum" }) }
      expression = "throttles"
      threshold  = 1
      period     = 60
      datapoints = 3
      of         = 5
      missing    = "notBreaching" # no invocations, no throttles
      meaning    = "Lambda refused to run ${var.function.name}, and each refusal uses up one of a message's receives: healthy messages become dead letters."
      steps = [
        "Lambda console, dashboard: do other functions use up the account's concurrency?",
        "Lower maximum_concurrency to what is left, and apply: messages wait then without losing receives.",
        "For good: have the account's quota raised, or set reserved_concurrency to both queues' maximum_concurrency or more.",
      ]
    }

    catalog-throttles = {
      # With FILL, because alarms on metrics of DynamoDB stay as they are while data is missing, whatever they are
      # told, and throttles are only reported when there are some.
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
      metrics = {
        reads  = merge(local.of.table, { name = "ReadThrottleEvents", stat = "Sum" })
        writes = merge(local.of.table, { name = "WriteThrottleEvents", stat = "Sum" })
      }
      expression = "FILL(reads, 0) + FILL(writes, 0)"
      threshold  = var.thresholds.catalog_throttles
      period     = 300
      datapoints = 2
      of         = 3
      missing    = "notBreaching" # never throttled so far
      meaning    = "DynamoDB refuses calls to ${var.catalog.table_name}: images are tried again, and become dead letters if it goes on."
      steps = [
        "Has an import just begun? An on-demand table doubles what it takes within half an hour; lower maximum_concurrency until then. A backfill can be paused.",
        "Run the saved query ${var.name}/returned-by-error: which calls?",
        "If the rate is low all the same: is the table still on demand, without a maximum? Then one key is hot: see ${var.name}/story-of-one-key.",
      ]
    }

    failures-index-throttles = {
      metrics    = { writes = merge(local.of.index, { name = "WriteThrottleEvents", stat = "Sum" }) }
      expression = "FILL(writes, 0)"
      threshold  = var.thresholds.catalog_throttles
      period     = 300
      datapoints = 2
      of         = 3
      missing    = "notBreaching" # never throttled so far
      meaning    = "DynamoDB refuses writes to the index ${var.catalog.failures_index_name} of ${var.catalog.table_name}: more images fail than it takes, and writes to the table wait for it."
      steps = [
        "Run the saved query ${var.name}/failures-by-reason: what fails, and where does it come from?",
        "Stop the sender, or lower maximum_concurrency until the cause is mended.",
        "Nothing is lost: what was refused is tried again. See ${var.dlq.name} for what was tried too often.",
      ]
    }

    notifications-failed = {
      metrics = {
        for tier, topic in var.topics : tier => {
          namespace  = "AWS/SNS"
          dimensions = { TopicName = topic.name }
          name       = "NumberOfNotificationsFailed"
          stat       = "Sum"
        }
      }
      expression = join(" + ", [for tier in keys(var.topics) : "FILL(${tier}, 0)"])
      threshold  = 1
      period     = 300
      datapoints = 1
      of         = 1
      missing    = "notBreaching" # nobody was told anything
      meaning    = "A subscriber could not be told of a failure or an alarm, and somebody waits for news that does not come."
      steps = [
        "Run thumbctl channels --stack ${var.name}: is a subscription gone, or its endpoint wrong?",
        "A queue's policy, and its key's, must let sns.amazonaws.com in; a function must exist.",
        "An https endpoint must answer with 2xx; what could not be delivered lies in the queue undelivered_queue_arn, if one was named.",
      ]
    }
  }

  # What the reconciler says, and whether it does.
  reconciliation = {
    for reconciler in [var.reconciler] : "on" => {
      incomplete = {
        # Published at the end of a pass, and true until the next one ends.
        metrics    = { incomplete = merge(local.of.pipeline, { name = "Incomplete", stat = "Maximum" }) }
        expression = "incomplete"
        threshold  = 1
        period     = 300
        datapoints = 1
        of         = 1
        missing    = "ignore"
        meaning    = "A pass over the uploads of ${var.name} found objects without thumbnails, or without those of their newest bytes and settings, and no failure is on record: Completeness is below 100 %."
        steps = [
          "Has the module been applied with other renditions? Then this is the news that old images still have the old ones: thumbctl backfill --stack ${var.name} renews them.",
          "Otherwise events were lost. See which objects: thumbctl reconcile --stack ${var.name}. Then have them rendered: thumbctl reconcile --repair --stack ${var.name}.",
          "Find out why: was the bucket's notification changed, or the trigger paused for longer than messages are kept? Alarms on dead letters and old messages tell.",
        ]
      }
      reconciler-errors = {
        # A run tells that it failed, or that it did not; a schedule tells only that it gave up.
        metrics = {
          errors  = { namespace = "AWS/Lambda", dimensions = { FunctionName = reconciler.name }, name = "Errors", stat = "Sum" }
          dropped = { namespace = "AWS/Scheduler", dimensions = { ScheduleGroup = reconciler.schedule_group_name }, name = "InvocationDroppedCount", stat = "Sum" }
        }
        expression = "SUM([errors, dropped])"
        threshold  = 1
        period     = 300
        datapoints = 1
        of         = 1
        missing    = "ignore" # until the next run
        meaning    = "The function ${reconciler.name}, which checks whether every source object has its thumbnails, failed or could not be started: what it last said may be out of date."
        steps = [
          "Read the end of the log group /aws/lambda/${reconciler.name}: the error names the call that is refused.",
          "No line at all? Then the schedule ${reconciler.name} could not start it: may its role invoke the function?",
          "Images are rendered all the same. Once it is mended, the next run goes on where the last good one stopped.",
        ]
      }
    } if reconciler != null
  }

  warnings = merge(local.rules, concat(values(local.reconciliation), values(local.announcing), values(local.change_alarms), values(local.archive_alarms), values(local.api_alarms), values(local.device_alarms), values(local.job_alarms))...)
  alarms   = merge(local.warnings, [for page in local.pages : page.alarms]...)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name = "${var.name}-${each.key}"
  tags       = var.tags

  # For somebody who has never seen the pipeline. 1024 characters are the most.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  alarm_description = join("\n", concat(
    [each.value.meaning],
    [for number, step in each.value.steps : "${number + 1}. ${step}"],
    ["Runbook: ${var.runbook_url}#${each.key}"],
  ))

  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  datapoints_to_alarm = each.value.datapoints
  evaluation_periods  = each.value.of
  treat_missing_data  = each.value.missing

  # What is critical reaches the critical topic through a page, once for all of it.
  alarm_actions = [var.topics["warning"].arn]
  ok_actions    = [var.topics["warning"].arn]

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = each.value.period
      }
    }
  }

  metric_query {
    id          = "watched"
    label       = each.key
    expression  = each.value.expression
    return_data = true
  }
}
