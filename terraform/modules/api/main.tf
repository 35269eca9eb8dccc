# The front door: what the gateway lets through, and the function behind it.

locals {
  # Answers come from one function. Which scope a route wants is checked before it is called; a route without one would
  # take an ID token as well.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
  routes = {
    "POST /v1/images"                       = "upload"
    "GET /v1/images"                        = "read"
    "GET /v1/images/{id}"                   = "read"
    "GET /v1/images/{id}/renditions/{name}" = "read"
    "DELETE /v1/images/{id}"                = "delete"
  }

  # Longer than Prefer: wait lets anybody wait, and shorter than the gateway does.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
  timeout_seconds = 20
  gateway_seconds = 25
  users_prefix    = "${var.uploads.prefix}users/"
  stage           = "$default"
}

module "asks" {
  source = "../asks"

  name        = var.names.asks_table
  kms_key_arn = var.kms_key_arns[0]
  tags        = var.tags
}

module "function" {
  source = "../function"

  name        = var.function.name
  role_name   = var.function.role_name
  description = "Answers the users of the front door"
  handler     = "api.handler.handler"
  aws         = var.aws
  package     = var.function.package

  # A full processor is half of a cold start's time, and an answer takes milliseconds of it.
  sizing = { memory_mb = 1769, timeout_seconds = local.timeout_seconds, reserved_concurrency = var.reserved_concurrency }

  environment = merge({
    UPLOADS_BUCKET    = var.uploads.bucket_name
    SOURCE_PREFIX     = var.uploads.prefix
    THUMBNAILS_BUCKET = var.thumbnails.bucket_name
    CATALOG_TABLE     = var.catalog.table_name
    LIMITS            = jsonencode(merge(var.limits, { url_minutes = var.url_minutes }))
    LOG_LEVEL         = var.log_level
  }, var.function.environment)
  references = merge(
    { ASKS_TABLE = module.asks.table_name },
    # A user of our own pool is called in keys as there; one of another issuer by a hash, whatever is in their sub.
    var.tokens.own ? { OWN_ISSUER = var.tokens.issuer } : {},
  )
  capabilities = { for name, statements in local.capabilities : name => jsonencode(statements) }
  logs         = var.function.logs
  tracing      = var.tracing
  vpc          = var.function.vpc
  tags         = var.tags

  permissions_boundary_arn = var.function.permissions_boundary_arn
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.names.api
  description   = "Images of the users of ${var.names.api}: upload, look, fetch, delete"
  protocol_type = "HTTP"
  tags          = var.tags

  # Under a name of its own it answers there alone.
  disable_execute_api_endpoint = var.domain != null

  # Tokens are in a header, which no browser sends by itself, so there are no credentials to allow.
  dynamic "cors_configuration" {
    for_each = var.cors[*]

    content {
      allow_origins     = cors_configuration.value.origins
      allow_methods     = ["DELETE", "GET", "POST"]
      allow_headers     = ["authorization", "content-type", "idempotency-key", "if-none-match", "prefer"]
      expose_headers    = ["etag", "location", "preference-applied", "retry-after"]
      allow_credentials = false
      max_age           = cors_configuration.value.max_age_seconds
    }
  }
}

resource "aws_apigatewayv2_authorizer" "tokens" {
  name             = "tokens"
  api_id           = aws_apigatewayv2_api.this.id
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.tokens.issuer
    audience = var.tokens.audience
  }
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = module.function.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = local.gateway_seconds * 1000
}

resource "aws_apigatewayv2_route" "this" {
  for_each = local.routes

  api_id               = aws_apigatewayv2_api.this.id
  route_key            = each.key
  target               = "integrations/${aws_apigatewayv2_integration.function.id}"
  authorization_type   = "JWT"
  authorizer_id        = aws_apigatewayv2_authorizer.tokens.id
  authorization_scopes = [var.tokens.scopes[each.value]]
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = local.stage
  auto_deploy = true
  tags        = var.tags

  # Said, because some versions of the provider set 0 where nothing is, and nothing gets through.
  # https://github.com/hashicorp/terraform-provider-aws/issues/43307
  default_route_settings {
    throttling_rate_limit    = var.throttle.requests_a_second
    throttling_burst_limit   = var.throttle.burst
    detailed_metrics_enabled = false # the function counts by route, and these would be paid for once more
  }

  # Nothing that tells who it was: no address, no browser, no token or claim, and of the path the route alone.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      time               = "$context.requestTimeEpoch"
      request            = "$context.requestId"
      route              = "$context.routeKey"
      status             = "$context.status"
      bytes              = "$context.responseLength"
      milliseconds       = "$context.responseLatency"
      in_function        = "$context.integrationLatency"
      function_status    = "$context.integrationStatus"
      error              = "$context.error.responseType"
      refused_token      = "$context.authorizer.error"
      function_unreached = "$context.integrationErrorMessage"
    })
  }
}

# Of names that begin so, API Gateway need not be named in the account's policy of log groups, which has little room.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-vended-logs-permissions.html
resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_338:The deployer decides, with retention.log_days, up to ten years.
  name              = var.names.access_logs
  retention_in_days = var.function.logs.retention_days
  kms_key_id        = var.function.logs.kms_key_arn
  tags              = var.tags
}

# By this API and this stage, and by no other of the account.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
resource "aws_lambda_permission" "gateway" {
  statement_id  = var.names.api
  action        = "lambda:InvokeFunction"
  function_name = module.function.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/${local.stage}/*"
}

# A name of the deployer's own, over TLS 1.2 at least.
resource "aws_apigatewayv2_domain_name" "this" {
  for_each = { for domain in [var.domain] : "on" => domain if domain != null }

  domain_name = each.value.name
  tags        = var.tags

  domain_name_configuration {
    certificate_arn = each.value.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  for_each = aws_apigatewayv2_domain_name.this

  api_id      = aws_apigatewayv2_api.this.id
  domain_name = each.value.id
  stage       = aws_apigatewayv2_stage.this.id
}
