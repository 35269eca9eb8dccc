# Alarms, the dashboard and the saved queries: what each watches, when it goes off, whom it tells and what it says.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name            = "thumbs"
  xray_group_name = "thumbs"
  aws             = { partition = "aws", region = "eu-central-1" }
  queue           = { name = "thumbs-work", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/thumbs-work", retention_days = 4 }
  backfill        = { name = "thumbs-backfill", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/thumbs-backfill", maximum_concurrency = 10 }
  dlq             = { name = "thumbs-dead-letters", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/thumbs-dead-letters" }
  function        = { name = "thumbs-thumbnailer", architecture = "arm64", memory_mb = 1769, timeout_seconds = 60, maximum_concurrency = 20, renditions = 3 }
  log_group_name  = "/aws/lambda/thumbs-thumbnailer"
  catalog         = { table_name = "thumbs-catalog", failures_index_name = "failures" }
  topics = {
    failures = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-alerts", name = "thumbs-alerts" }
    warning  = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-warning", name = "thumbs-warning" }
    critical = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-critical", name = "thumbs-critical" }
  }
  thresholds = {
    late_seconds            = 120
    busy_percent            = 90
    oldest_percent          = 25
    oldest_critical_percent = 50
    dead_letters_critical   = 100
    failed_percent          = 20
    failed_critical_percent = 50
    failed_minimum          = 60
    error_percent           = 55
    crashes                 = 3
    catalog_throttles       = 110
    silent_minutes          = 15
  }
  runbook_url = "https://wiki.example.com/runbook"
}

run "alarms" {
  module {
    source = "./modules/observability"
  }

  # Adding an alarm means adding it here, to the runbook, and to the right tier.
  assert {
    condition = { for name, alarm in output.alarms : name => alarm.tier } == {
      thumbs-backlog-late             = "warning"
      thumbs-catalog-throttles        = "warning"
      thumbs-dead-letters             = "warning"
      thumbs-failure-ratio            = "warning"
      thumbs-failures-index-throttles = "warning"
      thumbs-function-crashes         = "warning"
      thumbs-function-throttles       = "warning"
      thumbs-images-late              = "warning"
      thumbs-notifications-failed     = "warning"
      thumbs-oldest-message           = "warning"
      thumbs-dead-letters-critical    = "critical"
      thumbs-failure-ratio-critical   = "critical"
      thumbs-function-errors          = "critical"
      thumbs-no-output                = "critical"
      thumbs-oldest-message-critical  = "critical"
      thumbs-systemic-errors          = "critical"
      thumbs-messages-at-risk         = "page"
      thumbs-pipeline-failing         = "page"
    }
    error_message = "Every alarm must have its tier, and there must be these."
  }

  assert {
    condition = { for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => "${join(" ", alarm.alarm_actions)} ${join(" ", alarm.ok_actions)}" } == {
      for short_name in keys(aws_cloudwatch_metric_alarm.this) :
      short_name => "arn:aws:sns:eu-central-1:123456789012:thumbs-warning arn:aws:sns:eu-central-1:123456789012:thumbs-warning"
    } && length(aws_cloudwatch_metric_alarm.this) == 16
    error_message = "Every alarm on metrics must tell the warning topic, also when it is over."
  }

  assert {
    condition = alltrue([
      for page in [aws_cloudwatch_composite_alarm.pipeline_failing, aws_cloudwatch_composite_alarm.messages_at_risk] :
      page.alarm_actions == toset([var.topics["critical"].arn]) && page.ok_actions == toset([var.topics["critical"].arn])
    ])
    error_message = "Pages alone must tell the critical topic, also when they are over."
  }

  # Why each: beside the alarm.
  assert {
    condition = { for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => alarm.treat_missing_data if alarm.treat_missing_data != "notBreaching" } == {
      dead-letters = "ignore", dead-letters-critical = "ignore"
    }
    error_message = "What is missing must be good news, except about dead letters: of a queue that nobody touches, SQS says nothing."
  }

  assert {
    condition = { for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => one([for query in alarm.metric_query : query.expression if query.return_data == true]) } == {
      backlog-late             = "IF((FILL(concurrency, 0) - IF(FILL(backfilling, 0) < 10, FILL(backfilling, 0), 10)) < 18, age, 0)"
      catalog-throttles        = "FILL(reads, 0) + FILL(writes, 0)"
      dead-letters             = "letters + hidden"
      dead-letters-critical    = "letters + hidden"
      failure-ratio            = "IF(ready + failed >= 60, 100 * failed / (ready + failed), 0)"
      failure-ratio-critical   = "IF(ready + failed >= 60, 100 * failed / (ready + failed), 0)"
      failures-index-throttles = "FILL(writes, 0)"
      function-crashes         = "IF(FILL(systemic, 0) > 0, 0, errors)"
      function-errors          = "IF(invocations > 0, 100 * errors / invocations, 0)"
      function-throttles       = "throttles"
      images-late              = "IF((FILL(concurrency, 0) - IF(FILL(backfilling, 0) < 10, FILL(backfilling, 0), 10)) < 18, age / 1000, 0)"
      no-output                = "IF((FILL(waiting, 0) + FILL(received, 0)) > 0 AND FILL(deleted, 0) == 0, 1, 0)"
      notifications-failed     = "FILL(critical, 0) + FILL(failures, 0) + FILL(warning, 0)"
      oldest-message           = "MAX([age, backfill_age])"
      oldest-message-critical  = "MAX([age, backfill_age])"
      systemic-errors          = "systemic"
    }
    error_message = "Each alarm must watch this, and one thing alone."
  }

  assert {
    condition = {
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name =>
      "${alarm.comparison_operator} ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}, ${join(" ", distinct([for query in alarm.metric_query : query.metric[0].period if length(query.metric) > 0]))} s"
      } == {
      backlog-late             = "GreaterThanOrEqualToThreshold 120, 10 of 10, 60 s"
      catalog-throttles        = "GreaterThanOrEqualToThreshold 110, 2 of 3, 300 s"
      dead-letters             = "GreaterThanOrEqualToThreshold 1, 1 of 1, 60 s"
      dead-letters-critical    = "GreaterThanOrEqualToThreshold 100, 1 of 1, 60 s"
      failure-ratio            = "GreaterThanOrEqualToThreshold 20, 1 of 1, 900 s"
      failure-ratio-critical   = "GreaterThanOrEqualToThreshold 50, 1 of 1, 900 s"
      failures-index-throttles = "GreaterThanOrEqualToThreshold 110, 2 of 3, 300 s"
      function-crashes         = "GreaterThanOrEqualToThreshold 3, 2 of 3, 300 s"
      function-errors          = "GreaterThanOrEqualToThreshold 55, 2 of 3, 300 s"
      function-throttles       = "GreaterThanOrEqualToThreshold 1, 3 of 5, 60 s"
      images-late              = "GreaterThanOrEqualToThreshold 120, 3 of 3, 300 s"
      no-output                = "GreaterThanOrEqualToThreshold 1, 3 of 4, 300 s"
      notifications-failed     = "GreaterThanOrEqualToThreshold 1, 1 of 1, 300 s"
      oldest-message           = "GreaterThanOrEqualToThreshold 86400, 1 of 1, 300 s"
      oldest-message-critical  = "GreaterThanOrEqualToThreshold 172800, 1 of 1, 300 s"
      systemic-errors          = "GreaterThanOrEqualToThreshold 1, 2 of 10, 60 s"
    }
    error_message = "Each alarm must go off then: at the thresholds that were set, over metrics of one period."
  }

  assert {
    condition = toset(flatten([
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : [
        for query in alarm.metric_query : [
          for metric in query.metric : "${short_name}: ${query.id} = ${metric.stat} of ${metric.namespace} ${metric.metric_name} ${join(" ", [for name, value in metric.dimensions : "${name}=${value}"])}"
        ]
      ] if !contains(["dead-letters-critical", "failure-ratio-critical", "oldest-message-critical", "notifications-failed"], short_name)
      ])) == toset([
      "backlog-late: age = Maximum of AWS/SQS ApproximateAgeOfOldestMessage QueueName=thumbs-work",
      "backlog-late: backfilling = Maximum of AWS/SQS ApproximateNumberOfMessagesNotVisible QueueName=thumbs-backfill",
      "backlog-late: concurrency = Maximum of AWS/Lambda ConcurrentExecutions FunctionName=thumbs-thumbnailer",
      "catalog-throttles: reads = Sum of AWS/DynamoDB ReadThrottleEvents TableName=thumbs-catalog",
      "catalog-throttles: writes = Sum of AWS/DynamoDB WriteThrottleEvents TableName=thumbs-catalog",
      "dead-letters: hidden = Maximum of AWS/SQS ApproximateNumberOfMessagesNotVisible QueueName=thumbs-dead-letters",
      "dead-letters: letters = Maximum of AWS/SQS ApproximateNumberOfMessagesVisible QueueName=thumbs-dead-letters",
      "failure-ratio: failed = Sum of ThumbnailPipeline Failed Function=thumbs-thumbnailer",
      "failure-ratio: ready = Sum of ThumbnailPipeline Ready Function=thumbs-thumbnailer",
      "failures-index-throttles: writes = Sum of AWS/DynamoDB WriteThrottleEvents GlobalSecondaryIndexName=failures TableName=thumbs-catalog",
      "function-crashes: errors = Sum of AWS/Lambda Errors FunctionName=thumbs-thumbnailer",
      "function-crashes: systemic = Sum of ThumbnailPipeline Systemic Function=thumbs-thumbnailer",
      "function-errors: errors = Sum of AWS/Lambda Errors FunctionName=thumbs-thumbnailer",
      "function-errors: invocations = Sum of AWS/Lambda Invocations FunctionName=thumbs-thumbnailer",
      "function-throttles: throttles = Sum of AWS/Lambda Throttles FunctionName=thumbs-thumbnailer",
      "images-late: age = p99 of ThumbnailPipeline Age Function=thumbs-thumbnailer",
      "images-late: backfilling = Maximum of AWS/SQS ApproximateNumberOfMessagesNotVisible QueueName=thumbs-backfill",
      "images-late: concurrency = Maximum of AWS/Lambda ConcurrentExecutions FunctionName=thumbs-thumbnailer",
      "no-output: deleted = Sum of AWS/SQS NumberOfMessagesDeleted QueueName=thumbs-work",
      "no-output: received = Sum of AWS/SQS NumberOfMessagesReceived QueueName=thumbs-work",
      "no-output: waiting = Maximum of AWS/SQS ApproximateNumberOfMessagesVisible QueueName=thumbs-work",
      "oldest-message: age = Maximum of AWS/SQS ApproximateAgeOfOldestMessage QueueName=thumbs-work",
      "oldest-message: backfill_age = Maximum of AWS/SQS ApproximateAgeOfOldestMessage QueueName=thumbs-backfill",
      "systemic-errors: systemic = Sum of ThumbnailPipeline Systemic Function=thumbs-thumbnailer",
    ])
    error_message = "Each alarm must read the metrics that its expression names."
  }

  assert {
    condition = alltrue([
      for critical, warning in { dead-letters-critical = "dead-letters", failure-ratio-critical = "failure-ratio", oldest-message-critical = "oldest-message" } :
      jsonencode(aws_cloudwatch_metric_alarm.this[critical].metric_query[*].metric) == jsonencode(aws_cloudwatch_metric_alarm.this[warning].metric_query[*].metric)
    ])
    error_message = "The two of a pair must watch the same."
  }

  assert {
    condition = { for query in aws_cloudwatch_metric_alarm.this["notifications-failed"].metric_query : query.id => "${query.metric[0].metric_name} ${query.metric[0].dimensions["TopicName"]}" if length(query.metric) > 0 } == {
      failures = "NumberOfNotificationsFailed thumbs-alerts"
      warning  = "NumberOfNotificationsFailed thumbs-warning"
      critical = "NumberOfNotificationsFailed thumbs-critical"
    }
    error_message = "Somebody must hear of it when any topic cannot deliver."
  }

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
  assert {
    condition = [
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name
      if length([for query in alarm.metric_query : query if length(query.metric) > 0]) > 10 || strcontains(jsonencode(alarm.metric_query), "SEARCH")
    ] == []
    error_message = "An alarm may read ten metrics at most, and none that it has to search for."
  }
}

run "reconciler" {
  module {
    source = "./modules/observability"
  }

  variables {
    reconciler = { name = "thumbs-reconciler", schedule_group_name = "thumbs" }
  }

  assert {
    condition = { for name, alarm in output.alarms : name => alarm.tier if contains(["thumbs-incomplete", "thumbs-reconciler-errors"], name) } == {
      thumbs-incomplete        = "warning"
      thumbs-reconciler-errors = "warning"
    } && length(output.alarms) == 20
    error_message = "What the reconciler finds, and what goes wrong with it, must be warnings."
  }

  assert {
    condition = {
      for short_name in ["incomplete", "reconciler-errors"] : short_name => join(", ", concat(
        [
          for query in aws_cloudwatch_metric_alarm.this[short_name].metric_query :
          "${query.id} = ${query.metric[0].stat} of ${query.metric[0].namespace} ${query.metric[0].metric_name} ${jsonencode(query.metric[0].dimensions)}" if length(query.metric) > 0
        ],
        [
          one([for query in aws_cloudwatch_metric_alarm.this[short_name].metric_query : query.expression if query.return_data == true]),
          "at ${aws_cloudwatch_metric_alarm.this[short_name].threshold}",
          aws_cloudwatch_metric_alarm.this[short_name].treat_missing_data,
        ],
      ))
      } == {
      incomplete        = "incomplete = Maximum of ThumbnailPipeline Incomplete {\"Function\":\"thumbs-thumbnailer\"}, incomplete, at 1, ignore"
      reconciler-errors = "dropped = Sum of AWS/Scheduler InvocationDroppedCount {\"ScheduleGroup\":\"thumbs\"}, errors = Sum of AWS/Lambda Errors {\"FunctionName\":\"thumbs-reconciler\"}, SUM([errors, dropped]), at 1, ignore"
    }
    error_message = "An alarm must go off for a single object, or a single failed run, and stay until the next pass or run."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.this["incomplete"].alarm_description, "thumbctl reconcile --repair --stack thumbs")
    error_message = "Who is told that objects are incomplete must be told how to mend them."
  }

  assert {
    condition = toset(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for metric in try(widget.properties.metrics, []) : "${metric[1]} by ${metric[2]}"
        if contains(["Checked", "Completeness", "Incomplete", "Orphans"], try(metric[1], ""))
      ]
    ])) == toset(["Checked by Function", "Completeness by Function", "Incomplete by Function", "Orphans by Function"])
    error_message = "The dashboard must show what a pass found."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 26
    error_message = "The dashboard must have a row for it."
  }
}

run "publishers" {
  module {
    source = "./modules/observability"
  }

  variables {
    publishers = {
      events = {
        name             = "thumbs-publisher"
        what             = "the bus"
        log_group_name   = "/aws/lambda/thumbs-publisher"
        mapping_uuid     = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"
        record_age_hours = 6
        parked_bucket    = "thumbs-parked"
      }
      changes = {
        name             = "thumbs-publisher-changes"
        what             = "the change stream"
        log_group_name   = "/aws/lambda/thumbs-publisher-changes"
        mapping_uuid     = "14e0db71-5d35-4eb5-b481-8945cf9d10c3"
        record_age_hours = 1
        parked_bucket    = "thumbs-parked"
      }
    }
  }

  assert {
    condition = {
      for name, alarm in output.alarms : name => alarm.tier if can(regex("^thumbs-(events|changes)-", name))
      } == {
      thumbs-changes-failing       = "warning"
      thumbs-changes-late          = "warning"
      thumbs-changes-parked        = "warning"
      thumbs-changes-stopped       = "warning"
      thumbs-changes-late-critical = "critical"
      thumbs-events-failing        = "warning"
      thumbs-events-late           = "warning"
      thumbs-events-parked         = "warning"
      thumbs-events-stopped        = "warning"
      thumbs-events-late-critical  = "critical"
    } && strcontains(aws_cloudwatch_composite_alarm.messages_at_risk.alarm_rule, "ALARM(\"thumbs-events-late-critical\")")
    error_message = "What keeps events from being announced must be warnings, and wake somebody up before they are parked."
  }

  assert {
    condition = {
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => join(", ", concat(
        [
          for query in alarm.metric_query :
          "${query.id} = ${query.metric[0].stat} of ${query.metric[0].namespace} ${query.metric[0].metric_name} by ${join(",", values(query.metric[0].dimensions))}" if length(query.metric) > 0
        ],
        [
          one([for query in alarm.metric_query : query.expression if query.return_data == true]),
          "at ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}, ${join(" ", distinct([for query in alarm.metric_query : query.metric[0].period if length(query.metric) > 0]))} s, ${alarm.treat_missing_data}",
        ],
      )) if startswith(short_name, "events-")
      } == {
      events-failing       = "errors = Sum of AWS/Lambda Errors by thumbs-publisher, refused = Sum of ThumbnailPipeline EventsFailed by thumbs-publisher, FILL(errors, 0) + FILL(refused, 0), at 1, 2 of 3, 300 s, notBreaching"
      events-late          = "age = Maximum of AWS/Lambda IteratorAge by thumbs-publisher, age / 60000, at 15, 5 of 5, 60 s, notBreaching"
      events-late-critical = "age = Maximum of AWS/Lambda IteratorAge by thumbs-publisher, age / 60000, at 180, 5 of 5, 60 s, notBreaching"
      events-parked        = "dropped = Sum of AWS/Lambda DroppedEventCount by 14e0db71-5d35-4eb5-b481-8945cf9d10c2, parked = Sum of AWS/Lambda OnFailureDestinationDeliveredEventCount by 14e0db71-5d35-4eb5-b481-8945cf9d10c2, FILL(parked, 0) + FILL(dropped, 0), at 1, 1 of 1, 300 s, notBreaching"
      events-stopped       = "deleted = Sum of ThumbnailPipeline Deleted by thumbs-thumbnailer, failed = Sum of ThumbnailPipeline Failed by thumbs-thumbnailer, polled = Sum of AWS/Lambda PolledEventCount by 14e0db71-5d35-4eb5-b481-8945cf9d10c2, ready = Sum of ThumbnailPipeline Ready by thumbs-thumbnailer, IF((FILL(ready, 0) + FILL(failed, 0) + FILL(deleted, 0)) > 0 AND FILL(polled, 0) == 0, 1, 0), at 1, 1 of 1, 3600 s, notBreaching"
    }
    error_message = "An alarm must go off long before the stream forgets, when nothing is read, and for a single record that was parked."
  }

  assert {
    condition = toset(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for metric in try(widget.properties.metrics, []) : "${metric[1]} by ${metric[2]}" if contains([var.publishers["events"].name, var.publishers["events"].mapping_uuid], try(metric[3], ""))
      ]
      ])) == toset([
      "EventsPublished by Function", "EventsFailed by Function", "EventDelay by Function", "IteratorAge by FunctionName", "Errors by FunctionName",
      "OnFailureDestinationDeliveredEventCount by EventSourceMappingUUID", "DroppedEventCount by EventSourceMappingUUID",
    ]) && length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 29
    error_message = "The dashboard must have a row each for what is announced, late and parked."
  }
}

run "front_door" {
  module {
    source = "./modules/observability"
  }

  variables {
    api = {
      id              = "a1b2c3d4e5"
      stage           = "$default"
      routes          = ["GET /v1/images", "POST /v1/images"]
      function_name   = "thumbs-api"
      log_group_name  = "/aws/lambda/thumbs-api"
      access_logs     = "/aws/vendedlogs/apis/thumbs"
      asks_table_name = "thumbs-asks"
      throttle        = 50
    }
  }

  assert {
    condition = {
      for name, alarm in output.alarms : name => alarm.tier if startswith(name, "thumbs-api-")
      } == {
      thumbs-api-errors    = "warning"
      thumbs-api-failing   = "warning"
      thumbs-api-slow      = "warning"
      thumbs-api-throttles = "warning"
    }
    error_message = "What goes wrong at the front door must be warnings: what is uploaded already is rendered all the same."
  }

  assert {
    condition = {
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => join(", ", concat(
        [
          for query in alarm.metric_query :
          "${query.id} = ${query.metric[0].stat} of ${query.metric[0].namespace} ${query.metric[0].metric_name} by ${join(",", values(query.metric[0].dimensions))}" if length(query.metric) > 0
        ],
        [
          one([for query in alarm.metric_query : query.expression if query.return_data == true]),
          "at ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}, ${join(" ", distinct([for query in alarm.metric_query : query.metric[0].period if length(query.metric) > 0]))} s, ${alarm.treat_missing_data}",
        ],
      )) if startswith(short_name, "api-")
      } == {
      api-errors    = "errors = Sum of AWS/ApiGateway 5xx by a1b2c3d4e5,$default, requests = Sum of AWS/ApiGateway Count by a1b2c3d4e5,$default, IF(FILL(errors, 0) >= 3, 100 * errors / requests, 0), at ${var.thresholds.error_percent}, 2 of 3, 300 s, notBreaching"
      api-failing   = "crashed = Sum of AWS/Lambda Errors by thumbs-api, FILL(crashed, 0), at 1, 2 of 3, 300 s, notBreaching"
      api-slow      = "late = p95 of ThumbnailPipeline RequestTime by thumbs-api,POST /v1/images, late, at 3000, 3 of 3, 300 s, notBreaching"
      api-throttles = "refused = Sum of AWS/Lambda Throttles by thumbs-api, requests = Sum of AWS/ApiGateway Count by a1b2c3d4e5,$default, FILL(refused, 0) + IF(FILL(requests, 0) >= 3000, 1, 0), at 1, 3 of 5, 60 s, notBreaching"
    }
    error_message = "An alarm must go off for 5xx, crashes, people who are turned away, and slow asks."
  }

  # As docs/cost.md reckons: API_ALARM_METRICS.
  assert {
    condition     = sum([for name, alarm in aws_cloudwatch_metric_alarm.this : length([for query in alarm.metric_query : query if length(query.metric) > 0]) if startswith(name, "api-")]) == 6
    error_message = "Every metric of an alarm is paid for."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) <= 1024 if startswith(name, "api-")])
    error_message = "CloudWatch takes no longer descriptions."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 26
    error_message = "The dashboard must have a row for it."
  }
}

run "devices" {
  module {
    source = "./modules/observability"
  }

  variables {
    devices = {
      rule_name       = "thumbs_device_asks"
      functions       = { asks = "thumbs-device-asks", status = "thumbs-device-status", admission = "thumbs-device-admission" }
      log_group_names = { asks = "/aws/lambda/thumbs-device-asks", status = "/aws/lambda/thumbs-device-status", admission = "/aws/lambda/thumbs-device-admission" }
      errors          = { name = "thumbs-device-errors", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/thumbs-device-errors" }
      asks_table_name = "thumbs-asks-of-devices"
    }
  }

  assert {
    condition = {
      for name, alarm in output.alarms : name => alarm.tier if startswith(name, "thumbs-device-")
      } == {
      thumbs-device-errors    = "warning"
      thumbs-device-failing   = "warning"
      thumbs-device-refusals  = "warning"
      thumbs-device-throttles = "warning"
    }
    error_message = "What goes wrong at the door for devices must be warnings, one each however many devices meet it: a device keeps its picture and asks again."
  }

  assert {
    condition = {
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => join(", ", concat(
        [
          for query in alarm.metric_query :
          "${query.id} = ${query.metric[0].stat} of ${query.metric[0].namespace} ${query.metric[0].metric_name} by ${join(",", values(query.metric[0].dimensions))}" if length(query.metric) > 0
        ],
        [
          one([for query in alarm.metric_query : query.expression if query.return_data == true]),
          "at ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}, ${join(" ", distinct([for query in alarm.metric_query : query.metric[0].period if length(query.metric) > 0]))} s, ${alarm.treat_missing_data}",
        ],
      )) if startswith(short_name, "device-")
      } == {
      device-errors    = "hidden = Maximum of AWS/SQS ApproximateNumberOfMessagesNotVisible by thumbs-device-errors, letters = Maximum of AWS/SQS ApproximateNumberOfMessagesVisible by thumbs-device-errors, letters + hidden, at 1, 1 of 1, 60 s, ignore"
      device-failing   = "asks = Sum of AWS/Lambda Errors by thumbs-device-asks, faults = Sum of ThumbnailPipeline Faults by thumbs-device-asks, requests = Sum of ThumbnailPipeline Requests by thumbs-device-asks, status = Sum of AWS/Lambda Errors by thumbs-device-status, untold = Sum of ThumbnailPipeline StatusesFailed by thumbs-device-status, FILL(asks, 0) + FILL(status, 0) + FILL(untold, 0) + IF(FILL(faults, 0) >= 3 AND 100 * FILL(faults, 0) >= ${var.thresholds.error_percent} * FILL(requests, 0), 1, 0), at 1, 2 of 3, 300 s, notBreaching"
      device-refusals  = "refused = Sum of ThumbnailPipeline Refused by thumbs-device-asks, FILL(refused, 0), at 100, 1 of 1, 900 s, notBreaching"
      device-throttles = "dropped = Sum of AWS/IoT RuleMessageThrottled by thumbs_device_asks, matched = Sum of AWS/IoT TopicMatch by thumbs_device_asks, received = Sum of AWS/Lambda AsyncEventsReceived by thumbs-device-asks, refused = Sum of AWS/Lambda Throttles by thumbs-device-asks, FILL(refused, 0) + FILL(dropped, 0) + IF(FILL(matched, 0) > 0 AND FILL(received, 0) == 0, 1, 0), at 1, 3 of 5, 60 s, notBreaching"
    }
    error_message = "An alarm must go off for what was given up, for faults, for what is dropped, and for a device that does not listen."
  }

  # As docs/cost.md reckons: DEVICE_ALARM_METRICS.
  assert {
    condition     = sum([for name, alarm in aws_cloudwatch_metric_alarm.this : length([for query in alarm.metric_query : query if length(query.metric) > 0]) if startswith(name, "device-")]) == 12
    error_message = "Every metric of an alarm is paid for."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) <= 1024 if startswith(name, "device-")])
    error_message = "CloudWatch takes no longer descriptions."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 26
    error_message = "The dashboard must have a row for it."
  }

  assert {
    condition = {
      for name, query in aws_cloudwatch_query_definition.this : query.name => join(" ", query.log_group_names) if !contains(query.log_group_names, var.log_group_name)
      } == {
      "thumbs/devices-refused"     = "/aws/lambda/thumbs-device-admission /aws/lambda/thumbs-device-asks /aws/lambda/thumbs-device-status"
      "thumbs/story-of-one-device" = "/aws/lambda/thumbs-device-admission /aws/lambda/thumbs-device-asks /aws/lambda/thumbs-device-status"
    }
    error_message = "Queries about devices must look where their functions log, and all others where they did."
  }
}

run "jobs" {
  module {
    source = "./modules/observability"
  }

  variables {
    jobs = {
      function_name  = "thumbs-range-worker"
      log_group_name = "/aws/lambda/thumbs-range-worker"
      queue_name     = "thumbs-ranges"
      table_name     = "thumbs-jobs"
    }
  }

  assert {
    condition = { for name, alarm in output.alarms : name => alarm.tier if startswith(name, "thumbs-jobs-") } == {
      thumbs-jobs-failing = "warning"
      thumbs-jobs-stalled = "warning"
      thumbs-jobs-stopped = "warning"
    } && length(output.alarms) == 21
    error_message = "What goes wrong with bulk jobs must be warnings: nothing is lost by it, and uploads do not wait for them."
  }

  assert {
    condition = {
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => join(", ", concat(
        [
          for query in alarm.metric_query :
          "${query.id} = ${query.metric[0].stat} of ${query.metric[0].namespace} ${query.metric[0].metric_name} by ${join(",", values(query.metric[0].dimensions))}" if length(query.metric) > 0
        ],
        [
          one([for query in alarm.metric_query : query.expression if query.return_data == true]),
          "at ${alarm.threshold}, ${alarm.datapoints_to_alarm} of ${alarm.evaluation_periods}, ${join(" ", distinct([for query in alarm.metric_query : query.metric[0].period if length(query.metric) > 0]))} s, ${alarm.treat_missing_data}",
        ],
      )) if startswith(short_name, "jobs-")
      } == {
      jobs-failing = "errors = Sum of AWS/Lambda Errors by thumbs-range-worker, turns = Sum of ThumbnailPipeline TurnsFailed by thumbs-range-worker, FILL(errors, 0) + FILL(turns, 0), at 1, 2 of 3, 300 s, notBreaching"
      jobs-stalled = "invocations = Sum of AWS/Lambda Invocations by thumbs-range-worker, throttles = Sum of AWS/Lambda Throttles by thumbs-range-worker, waiting = Maximum of AWS/SQS ApproximateNumberOfMessagesVisible by thumbs-ranges, FILL(throttles, 0) + IF(FILL(waiting, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0), at 1, 3 of 3, 300 s, notBreaching"
      jobs-stopped = "stopped = Sum of ThumbnailPipeline JobsStopped by thumbs-range-worker, stopped, at 1, 1 of 1, 300 s, notBreaching"
    }
    error_message = "An alarm must go off for a single job that stopped, for turns that go on failing, and where nobody takes up what waits."
  }

  # As docs/cost.md reckons: JOB_ALARM_METRICS.
  assert {
    condition     = sum([for name, alarm in aws_cloudwatch_metric_alarm.this : length([for query in alarm.metric_query : query if length(query.metric) > 0]) if startswith(name, "jobs-")]) == 6
    error_message = "Every metric of an alarm is paid for."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) <= 1024 && strcontains(alarm.alarm_description, var.name) if startswith(name, "jobs-")])
    error_message = "CloudWatch takes no longer descriptions, and whoever is told must be told of which deployment."
  }

  assert {
    condition = toset(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for metric in try(widget.properties.metrics, []) : "${metric[1]} by ${metric[2]}" if contains([var.jobs.function_name, var.jobs.queue_name], try(metric[3], ""))
      ]
      ])) == toset([
      "ObjectsExamined by Function", "MessagesSent by Function", "TurnsFailed by Function", "JobsStopped by Function", "JobsDone by Function",
      "ApproximateNumberOfMessagesVisible by QueueName", "ApproximateNumberOfMessagesNotVisible by QueueName",
      "ConcurrentExecutions by FunctionName", "Errors by FunctionName", "Throttles by FunctionName",
    ]) && length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 26
    error_message = "The dashboard must have a row for jobs."
  }

  assert {
    condition = {
      for name, query in aws_cloudwatch_query_definition.this : query.name => join(" ", query.log_group_names) if !contains(query.log_group_names, var.log_group_name)
      } == {
      "thumbs/jobs-turns-failed" = "/aws/lambda/thumbs-range-worker"
      "thumbs/story-of-one-job"  = "/aws/lambda/thumbs-range-worker"
    }
    error_message = "Queries about jobs must look where the range worker logs."
  }
}

run "change_stream" {
  module {
    source = "./modules/observability"
  }

  variables {
    changes = {
      stream_name = "thumbs-changes"
      archive = {
        bucket_name    = "thumbs-archive"
        delivery_name  = "thumbs-archive"
        role_name      = "thumbs-archive"
        log_group_name = "/aws/kinesisfirehose/thumbs-archive"
        database_name  = "thumbs_archive"
        table_name     = "events"
      }
    }
  }

  assert {
    condition = { for name, alarm in output.alarms : name => alarm.tier if startswith(name, "thumbs-archive") || startswith(name, "thumbs-changes") } == {
      thumbs-archive-failures  = "warning"
      thumbs-archive-late      = "warning"
      thumbs-changes-throttled = "warning"
    } && length(output.alarms) == 21
    error_message = "What goes wrong with the change stream and its archive must be warnings."
  }

  assert {
    condition = {
      for short_name in ["archive-failures", "archive-late", "changes-throttled"] : short_name => concat(
        [
          for query in aws_cloudwatch_metric_alarm.this[short_name].metric_query :
          "${query.id} = ${query.metric[0].stat} of ${query.metric[0].namespace} ${query.metric[0].metric_name} ${join(" ", values(query.metric[0].dimensions))}" if length(query.metric) > 0
        ],
        [
          one([for query in aws_cloudwatch_metric_alarm.this[short_name].metric_query : query.expression if query.return_data == true]),
          "${aws_cloudwatch_metric_alarm.this[short_name].threshold}, ${aws_cloudwatch_metric_alarm.this[short_name].datapoints_to_alarm} of ${aws_cloudwatch_metric_alarm.this[short_name].evaluation_periods}",
        ],
      )
      } == {
      archive-failures = ["failed = Sum of AWS/Firehose FailedConversion.Records thumbs-archive", "FILL(failed, 0)", "1, 1 of 1"]
      archive-late = [
        "behind = Maximum of AWS/Firehose KinesisMillisBehindLatest thumbs-archive",
        "fresh = Maximum of AWS/Firehose DeliveryToS3.DataFreshness thumbs-archive",
        "put = Sum of AWS/Kinesis IncomingRecords thumbs-changes",
        "read = Sum of AWS/Firehose DataReadFromKinesisStream.Records thumbs-archive",
        "MAX([FILL(fresh, 0), FILL(behind, 0) / 1000, IF(FILL(put, 0) > 0 AND FILL(read, 0) == 0, 3600, 0)])",
        "3600, 3 of 3",
      ]
      changes-throttled = ["refused = Sum of AWS/Kinesis WriteProvisionedThroughputExceeded thumbs-changes", "FILL(refused, 0)", "1, 5 of 10"]
    }
    error_message = "Somebody must hear of an archive that is not written, of a record that is not in it, and of a stream that takes too little."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 26
    error_message = "The dashboard must have a row for it."
  }
}

run "messages" {
  module {
    source = "./modules/observability"
  }

  # The longest names and the longest URL that there can be.
  variables {
    name           = "a-name-that-is-of-just-forty-characters0"
    queue          = { name = "a-name-that-is-of-just-forty-characters0-work", url = "https://example.com", retention_days = 4 }
    backfill       = { name = "a-name-that-is-of-just-forty-characters0-backfill", url = "https://example.com", maximum_concurrency = 1000 }
    dlq            = { name = "a-name-that-is-of-just-forty-characters0-dead-letters", url = "https://example.com" }
    function       = { name = "a-name-that-is-of-just-forty-characters0-thumbnailer", architecture = "x86_64", memory_mb = 10240, timeout_seconds = 900, maximum_concurrency = 1000, renditions = 10 }
    log_group_name = "/aws/lambda/a-name-that-is-of-just-forty-characters0-thumbnailer"
    catalog        = { table_name = "a-name-that-is-of-just-forty-characters0-catalog", failures_index_name = "failures" }
    topics = {
      for tier in ["failures", "warning", "critical"] :
      tier => { arn = "arn:aws:sns:eu-central-1:123456789012:${tier}", name = join("", [for number in range(256) : "t"]) }
    }
    reconciler = { name = "a-name-that-is-of-just-forty-characters0-reconciler", schedule_group_name = "a-name-that-is-of-just-forty-characters0" }
    changes = {
      stream_name = "a-name-that-is-of-just-forty-characters0-changes"
      archive = {
        bucket_name    = join("", [for number in range(63) : "b"])
        delivery_name  = "a-name-that-is-of-just-forty-characters0-archive"
        role_name      = "a-name-that-is-of-just-forty-characters0-archive"
        log_group_name = "/aws/kinesisfirehose/a-name-that-is-of-just-forty-characters0-archive"
        database_name  = "a_name_that_is_of_just_forty_characters0_archive"
        table_name     = "events"
      }
    }
    runbook_url = "https://wiki.example.com/${join("", [for number in range(175) : "r"])}"
  }

  assert {
    condition = { for name, text in merge(
      { for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name => alarm.alarm_description },
      {
        pipeline-failing = aws_cloudwatch_composite_alarm.pipeline_failing.alarm_description
        messages-at-risk = aws_cloudwatch_composite_alarm.messages_at_risk.alarm_description
      },
    ) : name => length(text) if length(text) > 1024 || !endswith(text, "Runbook: ${var.runbook_url}#${name}") } == {}
    error_message = "Every alarm must lead to its section of the runbook, in at most the 1024 characters that CloudWatch allows."
  }

  assert {
    condition = length(aws_cloudwatch_metric_alarm.this) > 0 && [
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name
      if !can(regex("(?s)^[A-Z0-9].+\\.\n1\\. .+\n2\\. .+\n3\\. .+\nRunbook: ", alarm.alarm_description))
    ] == []
    error_message = "Every alarm must say what it means, and the first three steps."
  }

  assert {
    condition = length(aws_cloudwatch_metric_alarm.this) > 0 && [
      for short_name, alarm in aws_cloudwatch_metric_alarm.this : short_name
      if !strcontains(alarm.alarm_description, var.name)
    ] == []
    error_message = "Every alarm must name things by the names that they have in the account."
  }

  assert {
    condition = [
      for file in regexall("${var.name}/([a-z-]+)", join(" ", concat(
        [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_description],
        [aws_cloudwatch_composite_alarm.pipeline_failing.alarm_description],
      ))) : file[0] if !contains(output.saved_query_names, "${var.name}/${file[0]}")
    ] == [] && length(output.saved_query_names) == 7
    error_message = "A saved query that an alarm names must be there."
  }
}

run "pages" {
  module {
    source = "./modules/observability"
  }

  assert {
    condition = sort(flatten([
      for page in [aws_cloudwatch_composite_alarm.pipeline_failing, aws_cloudwatch_composite_alarm.messages_at_risk] : [
        for term in split(" OR ", page.alarm_rule) : one(regex("^ALARM\\(\"(.+)\"\\)$", term))
      ]
    ])) == sort([for name, alarm in output.alarms : name if alarm.tier == "critical"])
    error_message = "Every critical alarm must set off exactly one page, and nothing else may."
  }

  assert {
    condition = {
      for page in [aws_cloudwatch_composite_alarm.pipeline_failing, aws_cloudwatch_composite_alarm.messages_at_risk] : page.alarm_name => [
        for term in split(" OR ", page.alarm_rule) : term if !strcontains(page.alarm_description, "\n- ${trimprefix(one(regex("\"(.+)\"", term)), "${var.name}-")}: ")
      ]
    } == { thumbs-pipeline-failing = [], thumbs-messages-at-risk = [] }
    error_message = "A page must say what each of its alarms means."
  }

  assert {
    condition     = aws_cloudwatch_composite_alarm.messages_at_risk.actions_suppressor[0].alarm == aws_cloudwatch_composite_alarm.pipeline_failing.alarm_name
    error_message = "Who has been woken for a pipeline that fails must not be woken once more for what it leaves behind."
  }
}

run "dashboard" {
  module {
    source = "./modules/observability"
  }

  assert {
    condition = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 23 && alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      widget.x >= 0 && widget.width >= 8 && widget.x + widget.width <= 24 && widget.y >= 0 && widget.height >= 4
    ])
    error_message = "Widgets must fit on the grid, and be large enough to read."
  }

  assert {
    condition = length(distinct(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for cell in setproduct(range(widget.x, widget.x + widget.width), range(widget.y, widget.y + widget.height)) : join(",", cell)
      ]
      ]))) == sum([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.width * widget.height
    ])
    error_message = "No widget may lie on another."
  }

  assert {
    condition = (
      jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].type == "alarm" &&
      length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.alarms) == length(output.alarms)
    )
    error_message = "The state of every alarm must be what one sees first."
  }

  assert {
    condition = [
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title
      if widget.type != "text" && !can(regex("\\(good: .+\\)", widget.properties.title))
    ] == []
    error_message = "A title must say what good looks like."
  }

  # What the function emits; tests/terraform/test_observability.py holds the list to the function.
  assert {
    condition = setunion(
      [
        for metric in flatten([
          for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
            for metric in try(widget.properties.metrics, []) : { namespace = metric[0], name = metric[1], dimension = metric[2] } if can(metric[1])
          ]
        ]) : "${metric.name} by ${metric.dimension}" if metric.namespace == "ThumbnailPipeline"
      ],
      flatten([
        for alarm in aws_cloudwatch_metric_alarm.this : [
          for query in alarm.metric_query : [
            for metric in query.metric : "${metric.metric_name} by ${join(",", keys(metric.dimensions))}" if metric.namespace == "ThumbnailPipeline"
          ]
        ]
      ]),
      ) == toset([
        "Age by Function", "ColdStarts by Function", "Deleted by Function", "Denied by Function", "Duplicate by Function",
        "Failed by Function", "HandedBack by Function", "Ignored by Function", "InFlight by Function", "Kept by Function",
        "MemoryUsed by Function", "Ready by Function", "RenderTime by Function", "Returned by Function", "Stale by Function", "Systemic by Function",
    ])
    error_message = "Dashboard and alarms must read what the function emits."
  }

  assert {
    condition = {
      for line in flatten([
        for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : try(widget.properties.annotations.horizontal, [])
      ]) : line.label => line.value...
      } == {
      late                 = [120, 120000]
      "too old"            = [86400]
      "and the backfill's" = [30]
      maximum_concurrency  = [20]
      memory_mb            = [1769]
      timeout              = [60000]
    }
    error_message = "Graphs must show what they are measured against."
  }

  assert {
    condition = [
      for name in [var.queue.name, var.backfill.name, var.dlq.name, var.function.name, var.log_group_name, var.catalog.table_name, "X-Ray", var.runbook_url] :
      name if !strcontains(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[1].properties.markdown, name)
    ] == []
    error_message = "Links must lead to everything that one looks at next."
  }

  assert {
    condition = strcontains(
      jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[1].properties.markdown,
      "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fthumbs-thumbnailer",
    )
    error_message = "The link to the log group must be encoded as the console does it."
  }
}

run "another_partition" {
  module {
    source = "./modules/observability"
  }

  variables {
    aws         = { partition = "aws-cn", region = "cn-north-1" }
    runbook_url = "docs/runbook.md"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "https://cn-north-1.console.amazonaws.cn/sqs/") && !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "console.aws.amazon.com")
    error_message = "Links must lead to the console of the partition."
  }

  assert {
    condition     = strcontains(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[1].properties.markdown, "`docs/runbook.md`")
    error_message = "A path is no link."
  }
}

run "searches" {
  module {
    source = "./modules/observability"
  }

  assert {
    condition = toset(output.saved_query_names) == toset([
      "thumbs/failures-by-reason", "thumbs/story-of-one-key", "thumbs/slowest-images", "thumbs/returned-by-error",
      "thumbs/systemic-errors", "thumbs/crashes", "thumbs/cold-starts",
      ]) && alltrue([
      for query in aws_cloudwatch_query_definition.this : query.log_group_names == tolist([var.log_group_name]) && length(query.query_string) > 0
    ])
    error_message = "The questions that people have at night must be saved, and be asked of the function's log."
  }

  assert {
    condition     = aws_xray_group.this["thumbs"].filter_expression == "service(\"thumbs-thumbnailer\")"
    error_message = "The group must hold the traces of this deployment."
  }

  assert {
    condition     = length(aws_xray_sampling_rule.uploads) == 0
    error_message = "How another service is sampled is nobody's business here unless asked for."
  }
}

run "uploads_are_sampled" {
  module {
    source = "./modules/observability"
  }

  variables {
    sampling = { name = "thumbs-uploads", service_name = "shop", rate = 0.1, reservoir = 2, priority = 900 }
  }

  assert {
    condition = [
      for rule in aws_xray_sampling_rule.uploads :
      "${rule.rule_name} ${rule.service_name} ${rule.fixed_rate} ${rule.reservoir_size} ${rule.priority}"
    ] == ["thumbs-uploads shop 0.1 2 900"]
    error_message = "The rule must be one for the service that uploads."
  }
}

run "no_searches" {
  module {
    source = "./modules/observability"
  }

  variables {
    saved_searches = false
  }

  assert {
    condition     = length(aws_cloudwatch_query_definition.this) == 0 && length(aws_xray_group.this) == 0 && output.saved_query_names == []
    error_message = "An emulator that knows no saved queries must not be asked for them."
  }
}
