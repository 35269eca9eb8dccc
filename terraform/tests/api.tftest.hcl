# The front door: who gets in by which route, what its function may do, who signs in, and what of it is somebody else's. What
# AWS enforces and the emulator does not (throttling, whom the function is invoked by, conditions on keys of rows) is held
# here alone.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.thumbnails_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.ingest.module.bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.api["on"].module.asks.aws_dynamodb_table.this
    values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-asks" }
  }

  override_resource {
    target = module.api["on"].module.function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-api" }
  }
}

variables {
  name          = "thumbs"
  archives      = { folder = "./tests/fixtures" }
  source_prefix = "photos/"
}

run "nothing_is_there_unless_asked_for" {
  assert {
    condition = (
      length(module.api) == 0 && length(module.sign_in) == 0 && output.api == null && output.users_prefix == null && output.owner_cors == {} &&
      !strcontains(aws_ssm_parameter.tools.insecure_value, "\"api\"") && !strcontains(module.encryption.policy, "/aws/vendedlogs/") &&
      !strcontains(module.thumbnails_bucket["on"].policy, "users/") && length(module.ingest.cors_rules) == 0 &&
      { for tier, names in output.alarm_names : tier => length(names) } == { warning = 10, critical = 6, page = 2 }
    )
    error_message = "A front door must be asked for, and leave no trace otherwise."
  }
}

run "with_a_pool_of_its_own" {
  variables {
    cdn = {}
    api = {
      sign_in = { callback_urls = ["https://www.example.com/signed-in"], logout_urls = ["https://www.example.com/"] }
      cors    = { origins = ["https://www.example.com"] }
      page    = {}
    }
  }

  assert {
    condition = output.api == {
      url                   = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
      domain                = null
      function_name         = "thumbs-api"
      log_group_name        = "/aws/lambda/thumbs-api"
      access_log_group_name = "/aws/vendedlogs/apis/thumbs"
      asks_table_name       = "thumbs-asks"
      url_minutes           = 10
      issuer                = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"
      scopes                = { upload = "thumbs/upload", read = "thumbs/read", delete = "thumbs/delete" }
      user_pool_id          = "eu-central-1_AbCdEfGhI"
      client_id             = "3n4b5urk1ft4fl3mg5e62d9ado"
      sign_in_url           = "https://thumbs-123456789012.auth.eu-central-1.amazoncognito.com"
      page = {
        url          = "https://d111111abcdef8.cloudfront.net"
        bucket_name  = "thumbs-page-123456789012-eu-central-1"
        distribution = module.page["on"].distribution
      }
    } && jsonencode(jsondecode(aws_ssm_parameter.tools.insecure_value)["api"]) == jsonencode(output.api)
    error_message = "The outputs must tell a page all that it needs, and tools the same."
  }

  assert {
    condition = (
      output.users_prefix == "photos/users/" && jsondecode(aws_ssm_parameter.tools.insecure_value)["users_prefix"] == output.users_prefix &&
      aws_ssm_parameter.tools.tier == "Advanced"
    )
    error_message = "Tools must know where users' images are, and have room to be told of the API beside names of any length."
  }

  assert {
    condition = module.api["on"].function.environment == tomap({
      UPLOADS_BUCKET    = "thumbs-uploads-123456789012-eu-central-1"
      SOURCE_PREFIX     = "photos/"
      THUMBNAILS_BUCKET = "thumbs-thumbnails-123456789012-eu-central-1"
      CATALOG_TABLE     = "thumbs-catalog"
      ASKS_TABLE        = "thumbs-asks"
      OWN_ISSUER        = output.api.issuer
      LOG_LEVEL         = "INFO"
      LIMITS = jsonencode({
        asks_a_minute = 60
        bytes         = 33554432
        bytes_a_day   = 2147483648
        types         = ["image/avif", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"]
        url_minutes   = 10
      })
    })
    error_message = "The function must be told where images are, and what one user may ask for."
  }

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
  assert {
    condition = {
      for name, policy in module.api["on"].function.role.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))} if ${jsonencode(try(statement.Condition, null))}"
      ]
      } == {
      sign-uploads    = ["Allow s3:PutObject on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1/photos/users/* if null"]
      sign-thumbnails = ["Allow s3:GetObject on arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/*/photos/users/* if null"]
      list-uploads = [
        "Allow s3:ListBucket on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1 if ${jsonencode({ StringLike = { "s3:prefix" = "photos/users/*" } })}",
      ]
      delete-uploads = ["Allow s3:DeleteObject on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1/photos/users/* if null"]
      catalog        = ["Allow dynamodb:BatchGetItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog if null"]
      asks           = ["Allow dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:PutItem dynamodb:UpdateItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-asks if null"]
      encryption = [
        "Allow kms:Decrypt on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "dynamodb.eu-central-1.amazonaws.com" } })}",
        "Allow kms:GenerateDataKey on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } })}",
        "Allow kms:Decrypt on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } })}",
      ]
      logs  = ["Allow logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-api:* if null"]
      trace = ["Allow xray:PutTraceSegments xray:PutTelemetryRecords on * if null"]
    }
    error_message = "The function must be able to do this, and nothing else: no original can be read by it, and no thumbnail that is not of a user's image."
  }

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
  assert {
    condition = module.ingest.cors_rules == [
      "PUT by https://d111111abcdef8.cloudfront.net https://www.example.com with content-type if-none-match x-amz-checksum-sha256, etag shown, for 3600"
    ] && output.owner_cors == {}
    error_message = "A page must be able to put what was signed, with the headers that were, and no more."
  }

  assert {
    condition = [
      for statement in jsondecode(module.thumbnails_bucket["on"].policy).Statement : statement if statement.Effect == "Deny" && try(statement.Principal.Service, "") == "cloudfront.amazonaws.com"
      ] == [{
        Sid       = "DistributionsDoNotReadUsersImages"
        Effect    = "Deny"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/*/photos/users/*"
    }]
    error_message = "A public distribution must not be able to read users' images, however their paths are written."
  }

  assert {
    condition = jsondecode(module.page["on"].config) == {
      limits = { bytes = 33554432, types = ["image/avif", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"] }
      client = { id = "3n4b5urk1ft4fl3mg5e62d9ado", scopes = ["openid", "thumbs/delete", "thumbs/read", "thumbs/upload"] }
      endpoints = {
        authorization = "https://thumbs-123456789012.auth.eu-central-1.amazoncognito.com/oauth2/authorize"
        token         = "https://thumbs-123456789012.auth.eu-central-1.amazoncognito.com/oauth2/token"
        revocation    = "https://thumbs-123456789012.auth.eu-central-1.amazoncognito.com/oauth2/revoke"
        end_session   = "https://thumbs-123456789012.auth.eu-central-1.amazoncognito.com/logout"
      }
    }
    error_message = "The page must be told what may be uploaded, and where people sign in."
  }

  assert {
    condition = module.page["on"].content_security_policy == join("; ", [
      "default-src 'none'", "script-src 'self'", "style-src 'self'",
      "img-src 'self' https://thumbs-thumbnails-123456789012-eu-central-1.s3.eu-central-1.amazonaws.com",
      "connect-src 'self' https://thumbs-uploads-123456789012-eu-central-1.s3.eu-central-1.amazonaws.com https://thumbs-123456789012.auth.eu-central-1.amazoncognito.com",
      "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
    ])
    error_message = "Nothing must run in the page that is not of it, and it must talk to nobody but API, buckets and pool."
  }

  assert {
    condition = [
      for statement in jsondecode(module.encryption.policy).Statement : statement.Condition.StringEquals["aws:SourceArn"] if statement.Sid == "DistributionsReadEncryptedThumbnails"
    ] == [[module.cdn["on"].arn, module.page["on"].distribution.arn]] && strcontains(module.page["on"].bucket_policy, module.page["on"].distribution.arn)
    error_message = "The page's distribution must be able to read the page."
  }

  assert {
    condition     = strcontains(module.encryption.policy, "log-group:/aws/vendedlogs/apis/thumbs") && strcontains(module.encryption.policy, "log-group:/aws/lambda/thumbs-api")
    error_message = "CloudWatch Logs must be let in for the logs of requests, and of the function."
  }

  assert {
    condition     = { for tier, names in output.alarm_names : tier => length(names) } == { warning = 14, critical = 6, page = 2 }
    error_message = "What goes wrong at the front door must be warnings."
  }
}

run "with_another_issuer" {
  variables {
    distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/E1"]

    uploads_bucket = { mode = "existing", name = "their-uploads", owner = "other", account_id = "210987654321", kms_key_arn = "arn:aws:kms:eu-central-1:210987654321:key/theirs" }
    api = {
      sign_in = { mode = "oidc", issuer = "https://login.example.com/", audience = ["shop"], scopes = { read = "images.read" } }
      cors    = { origins = ["https://www.example.com"], max_age_seconds = 60 }
      page = {
        domain    = { name = "page.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555" }
        client_id = "the-page"
        endpoints = { authorization = "https://login.example.com/authorize", token = "https://tokens.example.com/token" }
      }
      domain = { name = "images.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555" }
    }
  }

  assert {
    condition = (
      length(module.sign_in) == 0 && output.api.issuer == "https://login.example.com/" && output.api.client_id == null && output.api.url == "https://images.example.com" &&
      output.api.scopes == { upload = "thumbs/upload", read = "images.read", delete = "thumbs/delete" } &&
      !contains(keys(module.api["on"].function.environment), "OWN_ISSUER")
    )
    error_message = "An issuer that is brought must be taken as it is, and its users not be mistaken for a pool's."
  }

  assert {
    condition = [
      for statement in jsondecode(output.owner_policies["uploads_bucket"]).Statement :
      "${join(" ", statement.Action)} on ${statement.Resource} if ${jsonencode(statement.Condition)}" if startswith(statement.Sid, "Api")
      ] == [
      "s3:DeleteObject s3:PutObject on arn:aws:s3:::their-uploads/photos/users/* if ${jsonencode({ ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::123456789012:role/thumbs-api" } })}",
      "s3:ListBucket on arn:aws:s3:::their-uploads if ${jsonencode({ ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::123456789012:role/thumbs-api" }, StringLike = { "s3:prefix" = "photos/users/*" } })}",
    ]
    error_message = "The bucket's owner must be told what the API does there."
  }

  assert {
    condition = [
      for statement in jsondecode(output.owner_policies["uploads_kms_key"]).Statement : join(" ", statement.Action) if startswith(statement.Sid, "Api")
    ] == ["kms:GenerateDataKey"] && strcontains(module.api["on"].function.role.policies["encryption"], "arn:aws:kms:eu-central-1:210987654321:key/theirs")
    error_message = "With a key of another account, both sides have to allow what is put to be encrypted."
  }

  assert {
    condition = {
      for statement in jsondecode(module.thumbnails_bucket["on"].policy).Statement : statement.Sid => "${statement.Effect} ${statement.Resource}" if try(statement.Principal.Service, "") == "cloudfront.amazonaws.com"
      } == {
      DistributionsRead                 = "Allow arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/*"
      DistributionsDoNotReadUsersImages = "Deny arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/*/photos/users/*"
    }
    error_message = "A distribution that is brought must not be able to read users' images either."
  }

  assert {
    condition = jsondecode(output.owner_cors["uploads_bucket"]) == {
      CORSRules = [{
        AllowedOrigins = ["https://page.example.com", "https://www.example.com"]
        AllowedMethods = ["PUT"]
        AllowedHeaders = ["content-type", "if-none-match", "x-amz-checksum-sha256"]
        ExposeHeaders  = ["etag"]
        MaxAgeSeconds  = 60
      }]
    }
    error_message = "The bucket's owner must be told what browsers need."
  }
}

run "with_a_thumbnails_bucket_that_was_there_before" {
  variables {
    source_prefix     = ""
    thumbnails_bucket = { mode = "existing", name = "their-thumbnails" }
    api               = { sign_in = { callback_urls = ["https://www.example.com/"] } }
  }

  assert {
    condition = [
      for statement in jsondecode(output.owner_policies["thumbnails_bucket"]).Statement :
      "${statement.Effect} ${statement.Principal.Service} ${statement.Action} on ${statement.Resource} if ${jsonencode(try(statement.Condition, null))}" if statement.Sid != "DenyWithoutTls"
    ] == ["Deny cloudfront.amazonaws.com s3:GetObject on arn:aws:s3:::their-thumbnails/*/users/* if null"]
    error_message = "The bucket's owner, who may have distributions of their own, must be told what none of them may read."
  }
}

run "gateway" {
  module {
    source = "./modules/api"
  }

  variables {
    function = {
      name = "thumbs-api"
      package = {
        archive      = { file = "./tests/fixtures/api.zip", object = null }
        runtime      = "python3.13"
        architecture = "arm64"
        layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
      }
      logs = { group_name = "/aws/lambda/thumbs-api", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
    }
    aws   = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
    names = { api = "thumbs-api", asks_table = "thumbs-asks", access_logs = "/aws/vendedlogs/apis/thumbs" }
    tokens = {
      issuer   = "https://login.example.com/"
      own      = false
      audience = ["shop"]
      scopes   = { upload = "u", read = "r", delete = "d" }
    }
    uploads              = { bucket_arn = "arn:aws:s3:::uploads", bucket_name = "uploads", prefix = "", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
    thumbnails           = { bucket_arn = "arn:aws:s3:::thumbnails", bucket_name = "thumbnails", kms_key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/k"] }
    catalog              = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog", table_name = "catalog" }
    kms_key_arns         = ["arn:aws:kms:eu-central-1:123456789012:key/k"]
    limits               = { bytes = 1, types = ["image/jpeg"], asks_a_minute = 2, bytes_a_day = 3 }
    url_minutes          = 4
    throttle             = { requests_a_second = 5, burst = 6 }
    reserved_concurrency = 7
    cors                 = { origins = ["https://www.example.com"], max_age_seconds = 60 }
    domain               = { name = "images.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555" }
    log_level            = "INFO"
    tracing              = "Active"
  }

  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
  assert {
    condition = { for key, route in aws_apigatewayv2_route.this : key => "${route.route_key} ${route.authorization_type} ${join(" ", route.authorization_scopes)}" } == {
      "POST /v1/images"                       = "POST /v1/images JWT u"
      "GET /v1/images"                        = "GET /v1/images JWT r"
      "GET /v1/images/{id}"                   = "GET /v1/images/{id} JWT r"
      "GET /v1/images/{id}/renditions/{name}" = "GET /v1/images/{id}/renditions/{name} JWT r"
      "DELETE /v1/images/{id}"                = "DELETE /v1/images/{id} JWT d"
    }
    error_message = "Every route must want a token, and a scope of it: an ID token has none."
  }

  assert {
    condition     = one(aws_apigatewayv2_authorizer.tokens.jwt_configuration).issuer == "https://login.example.com/" && one(aws_apigatewayv2_authorizer.tokens.jwt_configuration).audience == toset(["shop"])
    error_message = "Tokens must be of this issuer, and for this application."
  }

  # https://github.com/hashicorp/terraform-provider-aws/issues/43307
  assert {
    condition = [for settings in aws_apigatewayv2_stage.this.default_route_settings : [settings.throttling_rate_limit, settings.throttling_burst_limit]] == [[5, 6]] && (
      one(aws_apigatewayv2_stage.this.default_route_settings).detailed_metrics_enabled == false
    )
    error_message = "Throttling must be said, since unsaid it may be 0, and routes not be counted twice for money."
  }

  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
  assert {
    condition = length(regexall("identity|claims|path|domainName|[$]context[.]authorizer[.][^e]|userAgent|sourceIp", one(aws_apigatewayv2_stage.this.access_log_settings).format)) == 0 && (
      strcontains(one(aws_apigatewayv2_stage.this.access_log_settings).format, "$context.routeKey")
    )
    error_message = "The log of requests must tell nobody's address, browser, token, claims or images."
  }

  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
  assert {
    condition = (
      aws_lambda_permission.gateway.source_arn == "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/$default/*" &&
      aws_lambda_permission.gateway.principal == "apigateway.amazonaws.com" && aws_lambda_permission.gateway.action == "lambda:InvokeFunction"
    )
    error_message = "The function must be invoked by this API's stage alone."
  }

  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
  assert {
    condition = (
      aws_apigatewayv2_integration.function.payload_format_version == "2.0" && aws_apigatewayv2_integration.function.timeout_milliseconds <= 30000 &&
      aws_apigatewayv2_integration.function.timeout_milliseconds > 1000 * local.timeout_seconds && local.timeout_seconds > 10
    )
    error_message = "The function must end by itself before the gateway gives up, and after the longest wait."
  }

  assert {
    condition = [
      for cors in aws_apigatewayv2_api.this.cors_configuration :
      "${join(" ", sort(cors.allow_methods))} by ${join(" ", cors.allow_origins)}, ${cors.allow_credentials}, for ${cors.max_age}"
    ] == ["DELETE GET POST by https://www.example.com, false, for 60"]
    error_message = "Scripts of these pages must be able to use the API, with tokens and without cookies."
  }

  assert {
    condition = (
      aws_apigatewayv2_api.this.disable_execute_api_endpoint == true && one(aws_apigatewayv2_domain_name.this["on"].domain_name_configuration).security_policy == "TLS_1_2" &&
      output.url == "https://images.example.com"
    )
    error_message = "With a name of its own, the API must answer there and nowhere else."
  }
}

run "page" {
  module {
    source = "./modules/page"
  }

  variables {
    names             = { bucket = "thumbs-page", distribution = "thumbs-page-eu-central-1" }
    aws               = { dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
    api_url           = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    uploads_origin    = "https://uploads.s3.eu-central-1.amazonaws.com"
    thumbnails_origin = "https://s3.eu-central-1.amazonaws.com/my.thumbnails/"
    limits            = { bytes = 1, types = ["image/jpeg"] }
    client            = { id = "the-page", scopes = ["openid"] }
    endpoints         = { authorization = "https://login.example.com/authorize", token = "https://tokens.example.com/token" }
    domain            = { name = "page.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555" }
    price_class       = "PriceClass_100"
    web_acl_arn       = null
    kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/k"
    without_tls       = { Bool = { "aws:SecureTransport" = ["false"] } }
  }

  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html#request-custom-traffic-spikes
  assert {
    condition = (
      [for key in aws_cloudfront_cache_policy.api.parameters_in_cache_key_and_forwarded_to_origin : [one(one(key.headers_config).headers).items, one(key.query_strings_config).query_string_behavior]] == [[toset(["Authorization"]), "all"]] &&
      aws_cloudfront_cache_policy.api.min_ttl == 0 && aws_cloudfront_cache_policy.api.default_ttl == 0 && aws_cloudfront_cache_policy.api.max_ttl == 1 &&
      { for kept in aws_cloudfront_distribution.this.custom_error_response : kept.error_code => kept.error_caching_min_ttl } == { for code in [400, 403, 404, 405, 414, 500, 501, 502, 503, 504] : code => 0 }
    )
    error_message = "What the API answers must be kept for nobody, and never be shared by two tokens."
  }

  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
  assert {
    condition = [
      for behaviour in aws_cloudfront_distribution.this.ordered_cache_behavior :
      "${behaviour.path_pattern} ${behaviour.target_origin_id} ${behaviour.viewer_protocol_policy} ${behaviour.origin_request_policy_id}"
      ] == ["/v1/* api https-only b689b0a8-53d0-40ab-baf2-68738e2966ac"] && aws_cloudfront_distribution.this.default_root_object == "index.html" && (
      { for origin in aws_cloudfront_distribution.this.origin : origin.origin_id => origin.domain_name } == { site = "thumbs-page.s3.eu-central-1.amazonaws.com", api = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com" }
    )
    error_message = "The API must answer below the page's name, by its own host's name, and over HTTPS alone."
  }

  assert {
    condition = output.url == "https://page.example.com" && strcontains(output.content_security_policy, "connect-src 'self' https://uploads.s3.eu-central-1.amazonaws.com https://tokens.example.com;") && (
      [for security in aws_cloudfront_response_headers_policy.this.security_headers_config : one(security.content_security_policy).content_security_policy] == [output.content_security_policy]
    )
    error_message = "The page must be able to fetch tokens where they come from, and every file of it say so."
  }

  assert {
    condition = { for key, object in aws_s3_object.site : key => object.content_type if !endswith(key, ".js") } == {
      "icon.svg" = "image/svg+xml", "index.html" = "text/html; charset=utf-8", "page.css" = "text/css; charset=utf-8"
    } && alltrue([for key, object in aws_s3_object.site : object.content_type == "text/javascript; charset=utf-8" if endswith(key, ".js")])
    error_message = "Browsers are told to guess no types, so each must be right."
  }
}

run "sign_in" {
  module {
    source = "./modules/cognito"
  }

  variables {
    names               = { user_pool = "thumbs", domain = "thumbs-123456789012", client = "thumbs-page", resource_server = "thumbs" }
    aws                 = { dns_suffix = "amazonaws.com", region = "eu-central-1" }
    pool                = { mode = "create" }
    self_sign_up        = false
    callback_urls       = ["https://www.example.com/signed-in"]
    logout_urls         = []
    token_minutes       = { access = 15, refresh = 1440 }
    deletion_protection = true
  }

  # https://docs.aws.amazon.com/cognito/latest/developerguide/using-pkce-in-authorization-code.html
  assert {
    condition = (
      aws_cognito_user_pool_client.this.generate_secret == false && aws_cognito_user_pool_client.this.allowed_oauth_flows == toset(["code"]) &&
      aws_cognito_user_pool_client.this.explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH"]) && aws_cognito_user_pool_client.this.enable_token_revocation == true &&
      aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED"
    )
    error_message = "The client must have no secret, and no way in but the authorization code: no password passes through a page."
  }

  assert {
    condition = [
      for units in aws_cognito_user_pool_client.this.token_validity_units :
      "${aws_cognito_user_pool_client.this.access_token_validity} ${units.access_token} ${aws_cognito_user_pool_client.this.refresh_token_validity} ${units.refresh_token}"
    ] == ["15 minutes 1440 minutes"]
    error_message = "Tokens must last for minutes: without units, the numbers are hours and days."
  }

  assert {
    condition     = aws_cognito_user_pool_client.this.allowed_oauth_scopes == toset(["openid", "thumbs/upload", "thumbs/read", "thumbs/delete"])
    error_message = "The client must be able to ask for the API's scopes, and not for a user's profile."
  }

  assert {
    condition = (
      one(aws_cognito_user_pool.this["on"].admin_create_user_config).allow_admin_create_user_only == true && aws_cognito_user_pool.this["on"].deletion_protection == "ACTIVE" &&
      aws_cognito_user_pool.this["on"].username_attributes == toset(["email"])
    )
    error_message = "Nobody may make an account for themselves unless that was asked for, and users must not go with a mistake."
  }
}

run "sign_in_by_a_pool_that_was_there_before" {
  module {
    source = "./modules/cognito"
  }

  variables {
    names               = { user_pool = "thumbs", domain = "thumbs-123456789012", client = "thumbs-page", resource_server = "thumbs" }
    aws                 = { dns_suffix = "amazonaws.com", region = "eu-central-1" }
    pool                = { mode = "existing", id = "eu-central-1_Theirs" }
    self_sign_up        = true
    callback_urls       = ["https://www.example.com/signed-in"]
    logout_urls         = []
    token_minutes       = { access = 15, refresh = 1440 }
    deletion_protection = true
  }

  assert {
    condition = (
      length(aws_cognito_user_pool.this) + length(aws_cognito_user_pool_domain.this) == 0 && aws_cognito_user_pool_client.this.user_pool_id == "eu-central-1_Theirs" &&
      output.issuer == "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Theirs" && output.sign_in_url == null
    )
    error_message = "A pool that was there before must be given a client, and be left as it is otherwise."
  }
}
