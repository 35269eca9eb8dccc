# What can go wrong at the front door. X-Ray does not trace HTTP APIs, so what the gateway sees, its metrics tell.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html

locals {
  of_api = {
    for api in var.api[*] : "on" => {
      gateway = { namespace = "AWS/ApiGateway", dimensions = { ApiId = api.id, Stage = api.stage } }
      asks    = { namespace = "AWS/ApiGateway", dimensions = { ApiId = api.id, Stage = api.stage, Method = "POST", Resource = "/v1/images" } }
      lambda  = { namespace = "AWS/Lambda", dimensions = { FunctionName = api.function_name } }
    }
  }

  api_routes = ["POST /v1/images", "GET /v1/images", "GET /v1/images/{id}", "GET /v1/images/{id}/renditions/{name}", "DELETE /v1/images/{id}"]

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
          "Compare with what was changed last: the policies of the role ${var.api.function_name}, the key, the archive. Images that are uploaded already are rendered all the same.",
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
        metrics    = { late = merge(of.asks, { name = "Latency", stat = "p95" }) }
        expression = "late"
        threshold  = 3000
        period     = 300
        datapoints = 3
        of         = 3
        missing    = "notBreaching" # nobody asked
        meaning    = "One in twenty asks for an upload takes 3 seconds or more, for a quarter of an hour: people wait before anything is sent."
        steps = [
          "Dashboard ${var.name}: is the function slow, or the gateway? In ${var.api.access_logs}, compare milliseconds with in_function.",
          "Cold starts (Init Duration in ${var.api.log_group_name}) after a deployment pass; if they do not, something starts more than it should.",
          "Throttles of the table ${var.api.asks_table_name}, or of the key (KMS)? See AWS Health as well.",
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
            title  = "API: requests by route"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              for route in local.api_routes : [
                "AWS/ApiGateway", "Count", "ApiId", api.id, "Stage", api.stage, "Method", split(" ", route)[0], "Resource", split(" ", route)[1], { label = route },
              ]
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
            title  = "API: an ask for an upload, ms (good: level)"
            region = var.aws.region
            period = 60
            metrics = [
              ["AWS/ApiGateway", "Latency", "ApiId", api.id, "Stage", api.stage, "Method", "POST", "Resource", "/v1/images", { stat = "p50", label = "half of them" }],
              ["AWS/ApiGateway", "Latency", "ApiId", api.id, "Stage", api.stage, "Method", "POST", "Resource", "/v1/images", { stat = "p95", label = "95 %" }],
              ["AWS/ApiGateway", "IntegrationLatency", "ApiId", api.id, "Stage", api.stage, "Method", "POST", "Resource", "/v1/images", { stat = "p95", label = "in the function, 95 %" }],
            ]
            annotations = { horizontal = [{ label = "slow", value = 3000 }] }
            yAxis       = { left = { min = 0 } }
          }
        },
      ]
    }
  ]
}
