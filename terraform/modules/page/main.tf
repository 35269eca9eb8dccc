# A page to drop pictures on: static files in a bucket that stays private, and CloudFront in front of it, since S3 alone has
# no HTTPS. The API answers below the same name: so the page needs no rule of CORS there, and may talk to nobody else's API.

locals {
  origins = { site = "site", api = "api" }
  types   = { css = "text/css; charset=utf-8", html = "text/html; charset=utf-8", js = "text/javascript; charset=utf-8", svg = "image/svg+xml" }

  # Nothing comes from elsewhere, nothing runs that is not one of these files, and no text becomes markup. What the page
  # sends, it sends to the API, to the uploads bucket, and to where tokens come from.
  # https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
  token_origins = distinct([
    for endpoint in [var.endpoints.token, var.endpoints.revocation] : regex("^https://[^/]+", endpoint) if endpoint != null
  ])
  content_security_policy = join("; ", [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' ${var.thumbnails_origin}",
    "connect-src 'self' ${join(" ", concat([var.uploads_origin], local.token_origins))}",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ])

  # AWS's CachingOptimized and AllViewerExceptHostHeader, whose ids are the same in every account. The gateway tells APIs
  # apart by the host.
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
  site_cache_policy_id         = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  api_origin_request_policy_id = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

  # Errors that CloudFront would keep for ten seconds, whatever their Cache-Control says.
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
  kept_errors = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504]

  # Two years, as browsers ask for before they take a domain for one of HTTPS alone.
  hsts_seconds = 2 * 365 * 24 * 60 * 60
}

module "bucket" {
  source = "../bucket"

  name              = var.names.bucket
  partition         = var.aws.partition
  kms_key_arn       = var.kms_key_arn
  without_tls       = var.without_tls
  distribution_arns = [aws_cloudfront_distribution.this.arn]
  force_destroy     = true # all that is in it comes from here
  tags              = var.tags
}

resource "aws_s3_object" "site" {
  #checkov:skip=CKV_AWS_186:The bucket encrypts it, with the key of the module.
  for_each = fileset("${path.module}/site", "*")

  bucket        = module.bucket.name
  key           = each.value
  source        = "${path.module}/site/${each.value}"
  source_hash   = filesha256("${path.module}/site/${each.value}")
  content_type  = local.types[reverse(split(".", each.value))[0]]
  cache_control = "no-cache" # a release is all of it, or none
  tags          = var.tags

  depends_on = [module.bucket]
}

# What the page has to know. None of it is secret.
resource "aws_s3_object" "config" {
  #checkov:skip=CKV_AWS_186:The bucket encrypts it, with the key of the module.
  bucket        = module.bucket.name
  key           = "config.json"
  content       = jsonencode({ limits = var.limits, client = var.client, endpoints = var.endpoints })
  content_type  = "application/json"
  cache_control = "no-cache"
  tags          = var.tags

  depends_on = [module.bucket]
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = var.names.distribution
  description                       = "Signs what CloudFront asks the bucket ${var.names.bucket} for"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_response_headers_policy" "this" {
  #checkov:skip=CKV_AWS_259:HTTPS alone is what it promises, of its own name: for subdomains, or for browsers' lists, the name's owner has to.
  name    = var.names.distribution
  comment = "What browsers are told with every file of the page"

  security_headers_config {
    content_type_options {
      override = true
    }

    content_security_policy {
      content_security_policy = local.content_security_policy
      override                = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    strict_transport_security {
      access_control_max_age_sec = local.hsts_seconds
      override                   = true
    }

    # The way back from signing in has a code in it.
    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
  }

  custom_headers_config {
    items {
      header   = "Cross-Origin-Opener-Policy"
      value    = "same-origin"
      override = true
    }

    items {
      header   = "Permissions-Policy"
      value    = "camera=(), geolocation=(), microphone=()"
      override = true
    }
  }
}

# Answers of the API are one user's: none is kept, none is shared between two who ask at the same moment, and what CloudFront
# may do for a second all the same, it does for each token and query by itself.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html#request-custom-traffic-spikes
resource "aws_cloudfront_cache_policy" "api" {
  name        = var.names.distribution
  comment     = "Keeps nothing that the API answers"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 1

  parameters_in_cache_key_and_forwarded_to_origin {
    headers_config {
      header_behavior = "whitelist"

      headers {
        items = ["Authorization"]
      }
    }

    query_strings_config {
      query_string_behavior = "all"
    }

    cookies_config {
      cookie_behavior = "none"
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV2_AWS_47:The function behind the API runs no Java.
  #checkov:skip=CKV_AWS_86:The gateway logs every request to the API, without who it was; who has looked at the page is nobody's matter.
  #checkov:skip=CKV_AWS_310:There is one bucket and one API.
  #checkov:skip=CKV_AWS_374:The page is for whoever can sign in.
  comment             = "Page of ${var.names.bucket}"
  enabled             = true
  is_ipv6_enabled     = true
  http_version        = "http2and3"
  default_root_object = "index.html"
  aliases             = var.domain[*].name
  price_class         = var.price_class
  web_acl_id          = var.web_acl_arn
  tags                = var.tags

  # Its name is known long before every edge knows it, and others wait for nothing else.
  wait_for_deployment = false

  origin {
    origin_id                = local.origins.site
    domain_name              = "${var.names.bucket}.s3.${var.aws.region}.${var.aws.dns_suffix}"
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  origin {
    origin_id   = local.origins.api
    domain_name = split("/", var.api_url)[2]

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id           = local.origins.site
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = local.site_cache_policy_id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
    compress                   = true
  }

  ordered_cache_behavior {
    path_pattern             = "/v1/*"
    target_origin_id         = local.origins.api
    viewer_protocol_policy   = "https-only"
    allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] # CloudFront knows no other set with POST
    cached_methods           = ["GET", "HEAD"]
    cache_policy_id          = aws_cloudfront_cache_policy.api.id
    origin_request_policy_id = local.api_origin_request_policy_id
    compress                 = false
  }

  dynamic "custom_error_response" {
    for_each = local.kept_errors

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = one(var.domain[*].certificate_arn)
    ssl_support_method             = var.domain == null ? null : "sni-only"
    minimum_protocol_version       = var.domain == null ? null : "TLSv1.2_2021"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}
