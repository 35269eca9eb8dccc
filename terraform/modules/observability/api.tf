# What can go wrong at the front door. X-Ray does not trace HTTP APIs, so what the gateway sees, its metrics tell.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html

locals {
  of_api = {
    for api in var.api[*] : "on" => {
      gateway = { namespace = "AWS/ApiGateway", dimensions = { ApiId = api.id, Stage = api.stage } }
      asks    = { namespace = "ThumbnailPipeline", dimensions = { Function = api.function_name, Route = "POST /v1/images" } }
      lambda  = { namespace = "AWS/Lambda", dimensions = { FunctionName = api.function_name } }
    }
  }

  api_slow_ms = 3000

  api_alarms = {
    for key, of in local.of_api : key => {
      api-errors = {
        # Of very few requests, one would be many per cent.
        metrics = {
          errors   = merge(of.gateway, { name = "5xx", stat = "Sum" })
          requests = merge(of.gateway, { name = "Count", stat = "Sum" })
        }
        expression = "IF(FILL(errors, 0) >= 3, 100 * errors / requests, 0)"
        threshold  = var.thresholds.error_percent
        period     = 300
        datapoints = 2
        of         = 3
        missing    = "notBreaching" # nobody asked
        meaning    = "${var.thresholds.error_percent} % or more of the requests to the API are answered with 5xx: people cannot upload, or do not see their images."
        steps = [
          "Read ${var.api.access_logs}: a line with function_status is the function's own answer; function_unreached says why it gave none.",
          "Read the end of ${var.api.log_group_name}: the error names the call that is refused, or what it crashed of.",
          "Compare with what was changed last: the policies of ${var.api.function_name}'s role, the key, the archive. Images that are uploaded already are rendered all the same.",
        ]
      }

      api-failing = {
        metrics    = { crashed = merge(of.lambda, { name = "Errors", stat = "Sum" }) }
        expression = "FILL(crashed, 0)"
        threshold  = 1
        period     = 300
        datapoints = 2
        of         = 3
        missing    = "notBreaching" # nobody asked
        meaning    = "${var.api.function_name} crashes, runs out of time or memory, or cannot start. Each time somebody gets the gateway's bare 500 or 503."
        steps = [
          "Read the end of ${var.api.log_group_name}: Runtime.ImportModuleError, Task timed out, or a traceback?",
          "If it began with a deployment, go back to the archive before it.",
          "A traceback is a defect: keep it, with the line of ${var.api.access_logs} that has the same time.",
        ]
      }

      api-throttles = {
        # Requests that the gateway refuses are among the 4xx, as all that is the client's own fault: that many come as it lets
        # through at most is what can be seen.
        metrics = {
          refused  = merge(of.lambda, { name = "Throttles", stat = "Sum" })
          requests = merge(of.gateway, { name = "Count", stat = "Sum" })
        }
        expression = "FILL(refused, 0) + IF(FILL(requests, 0) >= ${60 * var.api.throttle}, 1, 0)"
        threshold  = 1
        period     = 60
        datapoints = 3
        of         = 5
        missing    = "notBreaching" # nobody asked
        meaning    = "The API turns people away: more come than the ${var.api.throttle} requests a second that it lets through, or than there is concurrency for."
        steps = [
          "Dashboard ${var.name}: which route? One that is polled should be asked with Prefer: wait, and no sooner than Retry-After says.",
          "Throttles of ${var.api.function_name}: compare api.reserved_concurrency, and the account's concurrency with what imports use.",
          "People, and not a script of one of them? Raise api.throttle and apply. Asks of one user are limited by api.limits.",
        ]
      }

      api-slow = {
        # Of the route that waits for nothing.
        metrics    = { late = merge(of.asks, { name = "RequestTime", stat = "p95" }) }
        expression = "late"
        threshold  = local.api_slow_ms
        period     = 300
        datapoints = 3
        of         = 3
        missing    = "notBreaching" # nobody asked
        meaning    = "For a quarter of an hour, one in twenty asks for an upload has taken 3 seconds or more: people wait before anything is sent."
        steps = [
          "Throttles of the table ${var.api.asks_table_name}, or of the key (KMS)? ${var.api.log_group_name} names the call that is tried again.",
          "One user who asks many times at once waits for themselves: lines of one route within a second show it.",
          "None of it? See AWS Health for DynamoDB, and compare milliseconds with in_function in ${var.api.access_logs}.",
        ]
      }
    }
  }

  api_rows = [
    for api in var.api[*] : {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "API: requests by route (good: as people come)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              for route in api.routes : concat(["ThumbnailPipeline", "Requests"], ["Function", api.function_name], ["Route", route], [{ label = route }])
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "API: refused and failed (good: no 5xx)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              ["AWS/ApiGateway", "4xx", "ApiId", api.id, "Stage", api.stage, { label = "4xx: the client's fault, or throttled" }],
              ["AWS/ApiGateway", "5xx", "ApiId", api.id, "Stage", api.stage, { label = "5xx" }],
              ["AWS/Lambda", "Throttles", "FunctionName", api.function_name, { label = "no concurrency" }],
              ["AWS/Lambda", "Errors", "FunctionName", api.function_name, { label = "crashes" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "API: how long, ms (good: level)"
            region = var.aws.region
            period = 60
            metrics = [
              concat(["ThumbnailPipeline", "RequestTime"], ["Function", api.function_name], ["Route", "POST /v1/images"], [{ stat = "p50", label = "half of the asks for an upload" }]),
              concat(["ThumbnailPipeline", "RequestTime"], ["Function", api.function_name], ["Route", "POST /v1/images"], [{ stat = "p95", label = "95 % of them" }]),
              concat(["AWS/ApiGateway", "Latency"], ["ApiId", api.id], ["Stage", api.stage], [{ stat = "p95", label = "95 % of all, waits included" }]),
            ]
            annotations = { horizontal = [{ label = "asks slow", value = local.api_slow_ms }] }
            yAxis       = { left = { min = 0 } }
          }
        },
      ]
    }
  ]
}
