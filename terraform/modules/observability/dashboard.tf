# One page, in the order in which an image passes through: first what is wrong, then in, backlog, processing, out,
# failures and money. A title says what good looks like.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

locals {
  consoles = {
    aws        = "console.aws.amazon.com"
    aws-cn     = "console.amazonaws.cn"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
  console = "https://${var.aws.region}.${lookup(local.consoles, var.aws.partition, local.consoles["aws"])}"
  home    = "home?region=${var.aws.region}#"

  # The console encodes a group's name twice, and writes % as $25.
  links = [
    { name = var.function.name, url = "${local.console}/lambda/${local.home}/functions/${var.function.name}" },
    { name = var.log_group_name, url = "${local.console}/cloudwatch/${local.home}logsV2:log-groups/log-group/${replace(urlencode(var.log_group_name), "%", "$25")}" },
    { name = "Logs Insights, queries under ${var.name}/", url = "${local.console}/cloudwatch/${local.home}logsV2:logs-insights" },
    { name = "X-Ray traces, group ${var.xray_group_name}", url = "${local.console}/cloudwatch/${local.home}xray:traces/query" },
    { name = var.queue.name, url = "${local.console}/sqs/v3/${local.home}/queues/${urlencode(var.queue.url)}" },
    { name = var.backfill.name, url = "${local.console}/sqs/v3/${local.home}/queues/${urlencode(var.backfill.url)}" },
    { name = var.dlq.name, url = "${local.console}/sqs/v3/${local.home}/queues/${urlencode(var.dlq.url)}" },
    { name = var.catalog.table_name, url = "${local.console}/dynamodbv2/${local.home}table?name=${var.catalog.table_name}" },
  ]
  runbook = startswith(var.runbook_url, "https://") ? "[**Runbook**](${var.runbook_url})" : "**Runbook**: `${var.runbook_url}`"

  work     = ["QueueName", var.queue.name]
  backfill = ["QueueName", var.backfill.name]
  dead     = ["QueueName", var.dlq.name]
  lambda   = ["FunctionName", var.function.name]
  pipeline = ["Function", var.function.name]
  table    = ["TableName", var.catalog.table_name]

  # Rows of widgets, each as wide as it says on a grid of 24 columns and as high as its row.
  rows = concat([
    {
      height = 6
      widgets = [
        {
          width = 16
          type  = "alarm"
          properties = {
            title = "Pages, critical alarms and warnings (good: all green)"
            alarms = concat(
              local.page_resources[*].arn,
              [for alarm in local.criticals : aws_cloudwatch_metric_alarm.this[alarm].arn],
              [for alarm in keys(local.warnings) : aws_cloudwatch_metric_alarm.this[alarm].arn],
            )
          }
        },
        {
          width = 8
          type  = "text"
          properties = {
            markdown = join("\n", concat([local.runbook], [for link in local.links : "- [${link.name}](${link.url})"]))
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "In: messages a minute (good: one course)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              concat(["AWS/SQS", "NumberOfMessagesSent"], local.work, [{ label = "uploaded" }]),
              concat(["AWS/SQS", "NumberOfMessagesReceived"], local.work, [{ label = "received" }]),
              concat(["AWS/SQS", "NumberOfMessagesDeleted"], local.work, [{ label = "done with" }]),
            ]
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Backlog (good: back to 0 after imports)"
            region = var.aws.region
            period = 60
            stat   = "Maximum"
            metrics = [
              concat(["AWS/SQS", "ApproximateNumberOfMessagesVisible"], local.work, [{ label = "waiting" }]),
              concat(["AWS/SQS", "ApproximateNumberOfMessagesNotVisible"], local.work, [{ label = "in flight, or waiting to be tried again" }]),
            ]
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title       = "Oldest message, s (good: under the line)"
            region      = var.aws.region
            period      = 60
            stat        = "Maximum"
            metrics     = [concat(["AWS/SQS", "ApproximateAgeOfOldestMessage"], local.work, [{ label = "oldest message" }])]
            annotations = { horizontal = [{ label = "late", value = var.thresholds.late_seconds }] }
            yAxis       = { left = { min = 0 } }
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Backfill: messages a minute (good: none)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              concat(["AWS/SQS", "NumberOfMessagesSent"], local.backfill, [{ label = "sent by operators" }]),
              concat(["AWS/SQS", "NumberOfMessagesReceived"], local.backfill, [{ label = "received" }]),
              concat(["AWS/SQS", "NumberOfMessagesDeleted"], local.backfill, [{ label = "done with" }]),
            ]
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Backfill's backlog (good: falls to 0)"
            region = var.aws.region
            period = 60
            stat   = "Maximum"
            metrics = [
              concat(["AWS/SQS", "ApproximateNumberOfMessagesVisible"], local.backfill, [{ label = "waiting" }]),
              concat(["AWS/SQS", "ApproximateNumberOfMessagesNotVisible"], local.backfill, [{ label = "in flight, or waiting to be tried again" }]),
            ]
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title       = "Backfill's oldest, s (good: under the line)"
            region      = var.aws.region
            period      = 60
            stat        = "Maximum"
            metrics     = [concat(["AWS/SQS", "ApproximateAgeOfOldestMessage"], local.backfill, [{ label = "oldest message" }])]
            annotations = { horizontal = [{ label = "too old", value = local.warnings["oldest-message"].threshold }] }
            yAxis       = { left = { min = 0 } }
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title   = "Processing: concurrency (good: to spare)"
            region  = var.aws.region
            period  = 60
            stat    = "Maximum"
            metrics = [concat(["AWS/Lambda", "ConcurrentExecutions"], local.lambda, [{ label = "at a time" }])]
            annotations = { horizontal = [
              { label = "maximum_concurrency", value = var.function.maximum_concurrency },
              { label = "and the backfill's", value = var.function.maximum_concurrency + var.backfill.maximum_concurrency },
            ] }
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Invocation, ms (good: far under the line)"
            region = var.aws.region
            period = 60
            metrics = [
              concat(["AWS/Lambda", "Duration"], local.lambda, [{ stat = "p50", label = "half of them" }]),
              concat(["AWS/Lambda", "Duration"], local.lambda, [{ stat = "p99", label = "99 %" }]),
              concat(["AWS/Lambda", "Duration"], local.lambda, [{ stat = "Maximum", label = "longest" }]),
            ]
            annotations = { horizontal = [{ label = "timeout", value = var.function.timeout_seconds * 1000 }] }
            yAxis       = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Failed invocations (good: none)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              concat(["AWS/Lambda", "Errors"], local.lambda, [{ label = "errors" }]),
              concat(["ThumbnailPipeline", "Systemic"], local.pipeline, [{ label = "of these, systemic" }]),
              concat(["AWS/Lambda", "Throttles"], local.lambda, [{ label = "throttled" }]),
            ]
            yAxis = { left = { min = 0 } }
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title       = "Memory used, MB (good: under the line)"
            region      = var.aws.region
            period      = 60
            stat        = "Maximum"
            metrics     = [concat(["ThumbnailPipeline", "MemoryUsed"], local.pipeline, [{ label = "most of any sandbox" }])]
            annotations = { horizontal = [{ label = "memory_mb", value = var.function.memory_mb }] }
            yAxis       = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Rendering an image, ms (good: level)"
            region = var.aws.region
            period = 60
            metrics = [
              concat(["ThumbnailPipeline", "RenderTime"], local.pipeline, [{ stat = "p50", label = "half of them" }]),
              concat(["ThumbnailPipeline", "RenderTime"], local.pipeline, [{ stat = "p99", label = "99 %" }]),
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Cold starts, images in flight (good: few)"
            region = var.aws.region
            period = 60
            metrics = [
              concat(["ThumbnailPipeline", "ColdStarts"], local.pipeline, [{ stat = "Sum", label = "cold starts" }]),
              concat(["ThumbnailPipeline", "InFlight"], local.pipeline, [{ stat = "Maximum", label = "most in flight", yAxis = "right" }]),
            ]
            yAxis = { left = { min = 0 }, right = { min = 0 } }
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Out: ready a second (good: as fast as in)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              concat(["ThumbnailPipeline", "Ready"], local.pipeline, [{ id = "ready", visible = false }]),
              [{ id = "rate", expression = "ready / PERIOD(ready)", label = "ready" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Upload to ready, ms (good: under the line)"
            region = var.aws.region
            period = 300
            metrics = [
              concat(["ThumbnailPipeline", "Age"], local.pipeline, [{ stat = "p50", label = "half of them" }]),
              concat(["ThumbnailPipeline", "Age"], local.pipeline, [{ stat = "p95", label = "95 %" }]),
              concat(["ThumbnailPipeline", "Age"], local.pipeline, [{ stat = "p99", label = "99 %" }]),
            ]
            annotations = { horizontal = [{ label = "late", value = var.thresholds.late_seconds * 1000 }] }
            yAxis       = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title   = "What became of images (good: all ready)"
            region  = var.aws.region
            period  = 300
            stat    = "Sum"
            view    = "timeSeries"
            stacked = true
            metrics = [for outcome in local.outcomes : concat(["ThumbnailPipeline", outcome], local.pipeline, [{ label = lower(outcome) }])]
          }
        },
      ]
    },
    {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title   = "Failures by reason (good: none)"
            region  = var.aws.region
            period  = 300
            view    = "timeSeries"
            stacked = true
            metrics = [[{
              id         = "reasons"
              label      = "$${PROP('Dim.Reason')}"
              expression = "SEARCH('{ThumbnailPipeline,Function,Reason} MetricName=\"Failed\" Function=\"${var.function.name}\"', 'Sum', 300)"
            }]]
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Messages that came back (good: few)"
            region = var.aws.region
            period = 300
            stat   = "Sum"
            metrics = [
              concat(["ThumbnailPipeline", "Returned"], local.pipeline, [{ label = "returned: failed for the moment" }]),
              concat(["ThumbnailPipeline", "Denied"], local.pipeline, [{ label = "denied: S3 does not hand it out yet" }]),
              concat(["ThumbnailPipeline", "HandedBack"], local.pipeline, [{ label = "handed back: no time left" }]),
              concat(["AWS/DynamoDB", "WriteThrottleEvents"], local.table, [{ label = "writes throttled" }]),
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Dead letters (good: none)"
            region = var.aws.region
            period = 60
            stat   = "Maximum"
            metrics = [
              concat(["AWS/SQS", "ApproximateNumberOfMessagesVisible"], local.dead, [{ label = "lying" }]),
              concat(["AWS/SQS", "ApproximateNumberOfMessagesNotVisible"], local.dead, [{ label = "being looked at" }]),
            ]
            yAxis = { left = { min = 0 } }
          }
        },
      ]
    },
    ], [
    for reconciler in [var.reconciler] : {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title   = "Completeness of all uploads, % (good: 100)"
            region  = var.aws.region
            period  = 300
            stat    = "Minimum"
            metrics = [concat(["ThumbnailPipeline", "Completeness"], local.pipeline, [{ label = "at the end of a pass" }])]
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Incomplete and orphaned (good: none)"
            region = var.aws.region
            period = 300
            stat   = "Maximum"
            metrics = [
              concat(["ThumbnailPipeline", "Incomplete"], local.pipeline, [{ label = "uploads without their thumbnails" }]),
              concat(["ThumbnailPipeline", "Orphans"], local.pipeline, [{ label = "what has outlived its upload" }]),
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title   = "Checked in a pass (good: all uploads)"
            region  = var.aws.region
            period  = 300
            stat    = "Maximum"
            metrics = [concat(["ThumbnailPipeline", "Checked"], local.pipeline, [{ label = "uploads" }])]
            yAxis   = { left = { min = 0 } }
          }
        },
      ]
    } if reconciler != null
    ], local.announcing_rows, local.change_rows, local.api_rows, local.device_rows, local.job_rows, [
    {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title   = "Money: dollars an hour (good: as images)"
            region  = var.aws.region
            period  = 300
            stat    = "Sum"
            view    = "timeSeries"
            stacked = true
            metrics = concat(local.charged, [
              for service, cost in local.costs : [{ id = service, expression = "(${cost}) * 3600 / PERIOD(invocations)", label = service }]
            ])
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Dollars a thousand images (good: level)"
            region = var.aws.region
            period = 3600
            stat   = "Sum"
            metrics = concat(local.charged, [
              for service, cost in local.costs : [{ id = service, expression = cost, visible = false }]
              ], [
              [{ id = "thousand", expression = "IF(FILL(ready, 0) > 0, 1000 * (${join(" + ", keys(local.costs))}) / ready, 0)", label = "a thousand images" }],
            ])
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "text"
          properties = {
            markdown = join("\n", [
              "**Estimates**, at list prices of ${local.prices.region} on ${local.prices.date}, without free tiers.",
              "",
              "- lambda: duration at ${var.function.memory_mb} MB on ${var.function.architecture}, and requests",
              "- s3: one GET an image, one PUT for each of ${var.function.renditions} thumbnails",
              "- dynamodb: consumed units of the table and its index",
              "- sqs: a request for every message sent, received and deleted, at most; and polls of idle queues",
              "- logs: what the function wrote",
              "",
              "Not counted, for it hardly depends on images: storage, the key, traces, alarms, this dashboard.",
            ])
          }
        },
      ]
    },
  ])

  charged = concat([
    concat(["AWS/Lambda", "Duration"], local.lambda, [{ id = "duration", visible = false }]),
    concat(["AWS/Lambda", "Invocations"], local.lambda, [{ id = "invocations", visible = false }]),
    concat(["ThumbnailPipeline", "Ready"], local.pipeline, [{ id = "ready", visible = false }]),
    concat(["ThumbnailPipeline", "Failed"], local.pipeline, [{ id = "failed", visible = false }]),
    concat(["AWS/DynamoDB", "ConsumedWriteCapacityUnits"], local.table, [{ id = "writes", visible = false }]),
    concat(["AWS/DynamoDB", "ConsumedWriteCapacityUnits"], local.table, ["GlobalSecondaryIndexName", var.catalog.failures_index_name, { id = "index_writes", visible = false }]),
    concat(["AWS/DynamoDB", "ConsumedReadCapacityUnits"], local.table, [{ id = "reads", visible = false }]),
    ["AWS/Logs", "IncomingBytes", "LogGroupName", var.log_group_name, { id = "bytes", visible = false }],
    ], [
    for id, request in local.requests : concat(["AWS/SQS", request.name], request.queue, [{ id = id, visible = false }])
  ])

  # What SQS charges for, by the ids of the metrics.
  requests = merge([
    for queue, dimensions in { work = local.work, backfill = local.backfill } : {
      for name in ["NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives"] :
      "${queue}_${lower(trimprefix(name, "NumberOf"))}" => { name = name, queue = dimensions }
    }
  ]...)

  widgets = flatten([
    for row, each in local.rows : [
      for column, widget in each.widgets : merge(widget, {
        x      = sum(concat([0], slice(each.widgets, 0, column)[*].width))
        y      = sum(concat([0], slice(local.rows, 0, row)[*].height))
        height = each.height
      })
    ]
  ])
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ start = "-PT3H", periodOverride = "inherit", widgets = local.widgets })
}
