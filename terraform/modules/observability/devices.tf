# What can go wrong at the door for devices. However many devices fail, and however often one does, it is one alarm; which they
# are, a saved query tells.
# https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html

locals {
  of_devices = {
    for devices in var.devices[*] : "on" => {
      rule   = { namespace = "AWS/IoT", dimensions = { RuleName = devices.rule_name } }
      errors = { namespace = "AWS/SQS", dimensions = { QueueName = devices.errors.name } }
      lambda = { for name, function in devices.functions : name => { namespace = "AWS/Lambda", dimensions = { FunctionName = function } } }
      told   = { for name, function in devices.functions : name => { namespace = "ThumbnailPipeline", dimensions = { Function = function } } }
    }
  }

  # In a quarter of an hour. What one device may ask for in a minute is not refused by then, so this is one that does not listen,
  # or many that have the same fault.
  device_refusals = 100

  device_alarms = {
    for key, of in local.of_devices : key => {
      device-errors = {
        metrics = {
          letters = merge(of.errors, { name = "ApproximateNumberOfMessagesVisible", stat = "Maximum" })
          hidden  = merge(of.errors, { name = "ApproximateNumberOfMessagesNotVisible", stat = "Maximum" })
        }
        expression = "letters + hidden"
        threshold  = 1
        period     = 60
        datapoints = 1
        of         = 1
        missing    = "ignore" # as of dead letters: see there
        meaning    = "Something between devices and the pipeline was given up: a request that nobody answered, or a status that a device was not told. Devices ask again by themselves, so no image is lost by it."
        steps = [
          "Read some of ${var.devices.errors.name}: failures is the rule's, which could not invoke ${var.devices.functions["asks"]}; requestContext is Lambda's, and names the function that failed thrice.",
          "Read the end of that function's log group: the error names the call that was refused.",
          "Mend the cause, then purge the queue: a device that asks again is told what became of its image.",
        ]
      }

      device-failing = {
        # A fault is answered: the device is told to come again.
        metrics = {
          asks     = merge(of.lambda["asks"], { name = "Errors", stat = "Sum" })
          status   = merge(of.lambda["status"], { name = "Errors", stat = "Sum" })
          faults   = merge(of.told["asks"], { name = "Faults", stat = "Sum" })
          untold   = merge(of.told["status"], { name = "StatusesFailed", stat = "Sum" })
          requests = merge(of.told["asks"], { name = "Requests", stat = "Sum" })
        }
        expression = "FILL(asks, 0) + FILL(status, 0) + FILL(untold, 0) + IF(FILL(faults, 0) >= 3 AND 100 * FILL(faults, 0) >= ${var.thresholds.error_percent} * FILL(requests, 0), 1, 0)"
        threshold  = 1
        period     = 300
        datapoints = 2
        of         = 3
        missing    = "notBreaching" # nobody asked
        meaning    = "Devices are not answered, or told to come again, or do not hear what became of their images: a call is refused or fails."
        steps = [
          "Read the ends of ${join(" and ", values(var.devices.log_group_names))}: the error names the call.",
          "Compare with what was changed last: the policies of the roles, the key, the table ${var.devices.asks_table_name}, the archives.",
          "Undo it. Devices keep their pictures and ask again; what was given up meanwhile lies in ${var.devices.errors.name}.",
        ]
      }

      device-throttles = {
        # Statuses are throttled by design while many events are announced anew, and wait. What failed actions are called by is
        # not documented (ActionType), so that they fail is seen by what does not arrive.
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        metrics = {
          refused  = merge(of.lambda["asks"], { name = "Throttles", stat = "Sum" })
          dropped  = merge(of.rule, { name = "RuleMessageThrottled", stat = "Sum" })
          matched  = merge(of.rule, { name = "TopicMatch", stat = "Sum" })
          received = merge(of.lambda["asks"], { name = "AsyncEventsReceived", stat = "Sum" })
        }
        expression = "FILL(refused, 0) + FILL(dropped, 0) + IF(FILL(matched, 0) > 0 AND FILL(received, 0) == 0, 1, 0)"
        threshold  = 1
        period     = 60
        datapoints = 3
        of         = 5
        missing    = "notBreaching" # nobody asked
        meaning    = "Requests of devices wait, are dropped, or reach nobody: there is no concurrency for ${var.devices.functions["asks"]}, AWS IoT throttles the rule ${var.devices.rule_name}, or what matches it does not arrive."
        steps = [
          "Throttles of ${var.devices.functions["asks"]}? Compare devices.reserved_concurrency, and the account's concurrency with what imports use.",
          "RuleMessageThrottled? See AWS IoT's quota of rule evaluations a second; one device that repeats itself is seen in ${var.name}/devices-refused.",
          "TopicMatch, and no AsyncEventsReceived? The rule may not invoke the function; without letters in ${var.devices.errors.name}, its role may not send there either, or not use the key.",
        ]
      }

      device-refusals = {
        metrics    = { refused = merge(of.told["asks"], { name = "Refused", stat = "Sum" }) }
        expression = "FILL(refused, 0)"
        threshold  = local.device_refusals
        period     = 900
        datapoints = 1
        of         = 1
        missing    = "notBreaching" # nobody asked
        meaning    = "${local.device_refusals} or more requests of devices were refused in a quarter of an hour: a device does not listen, many have the same fault, or one is not what it says."
        steps = [
          "Run the saved query ${var.name}/devices-refused: one device or many, and why?",
          "Over its quota: is devices.limits too small, or the device's clock or loop broken? Its images wait on it meanwhile.",
          "A device that you do not trust: thumbctl devices revoke.",
        ]
      }
    }
  }

  device_rows = [
    for devices in var.devices[*] : {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Devices: requests (good: none refused)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = concat([
              ["ThumbnailPipeline", "Requests", "Function", devices.functions["asks"], { label = "answered" }],
              ["ThumbnailPipeline", "Refused", "Function", devices.functions["asks"], { label = "of these, refused" }],
              ["ThumbnailPipeline", "Faults", "Function", devices.functions["asks"], { label = "of these, told to come again" }],
              ["ThumbnailPipeline", "StatusesPublished", "Function", devices.functions["status"], { label = "told of an image" }],
              ], [
              for name, function in devices.functions : ["AWS/Lambda", "Invocations", "FunctionName", function, { label = "came with a claim" }] if name == "admission"
            ])
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Devices: not answered, not told (good: none)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = concat([
              for name, function in devices.functions : ["AWS/Lambda", "Errors", "FunctionName", function, { label = "failed: ${name}" }]
              ], [
              ["AWS/Lambda", "Throttles", "FunctionName", devices.functions["asks"], { label = "no concurrency for asks" }],
              ["AWS/IoT", "RuleMessageThrottled", "RuleName", devices.rule_name, { label = "dropped by AWS IoT" }],
              ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", devices.errors.name, { stat = "Maximum", label = "given up, lying" }],
            ])
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Devices: how long, ms (good: level)"
            region = var.aws.region
            period = 60
            metrics = [
              ["ThumbnailPipeline", "RequestTime", "Function", devices.functions["asks"], { stat = "p50", label = "half of the answers" }],
              ["ThumbnailPipeline", "RequestTime", "Function", devices.functions["asks"], { stat = "p95", label = "95 % of them" }],
              ["AWS/Lambda", "AsyncEventAge", "FunctionName", devices.functions["asks"], { stat = "p95", label = "95 % had waited" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
      ]
    }
  ]
}
