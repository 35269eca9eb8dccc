# Thumbnails for everybody, over HTTPS, from a bucket that stays private: CloudFront signs its requests, and the policies
# of bucket and key admit this one distribution.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html

locals {
  origin = "thumbnails"

  # AWS's CachingOptimizedForUncompressedObjects, whose id is the same in every account. CachingOptimized would keep a
  # copy for each encoding that browsers accept, of images that nobody compresses.
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
  cache_policy_id = "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"

  # Two years, as browsers ask for before they take a domain for one of HTTPS alone.
  hsts_seconds = 2 * 365 * 24 * 60 * 60
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = var.name
  description                       = "Signs what CloudFront asks the thumbnails bucket of ${var.bucket_name} for"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_response_headers_policy" "this" {
  #checkov:skip=CKV_AWS_259:HTTPS alone is what it promises, of its own name: for subdomains, or for browsers' lists, the name's owner has to.
  name    = var.name
  comment = "What browsers are told with every thumbnail"

  security_headers_config {
    # A thumbnail is an image whatever its bytes look like, and no page of its own.
    content_type_options {
      override = true
    }

    content_security_policy {
      content_security_policy = "default-src 'none'; frame-ancestors 'none'"
      override                = true
    }

    strict_transport_security {
      access_control_max_age_sec = local.hsts_seconds
      override                   = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
  }

  dynamic "cors_config" {
    for_each = var.cors[*]

    content {
      access_control_allow_credentials = false
      access_control_max_age_sec       = cors_config.value.max_age_seconds
      origin_override                  = true

      access_control_allow_headers {
        items = ["*"]
      }

      access_control_allow_methods {
        items = ["GET", "HEAD"]
      }

      access_control_allow_origins {
        items = cors_config.value.origins
      }
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV2_AWS_47:The function behind the bucket never sees a request of a viewer, and runs no Java.
  #checkov:skip=CKV_AWS_305:There is no page at the root, and a listing must not be.
  #checkov:skip=CKV_AWS_310:There is one bucket; what is lost in it can be rendered again.
  #checkov:skip=CKV_AWS_374:Images are for whoever the deployer's pages are for.
  comment         = "Thumbnails of ${var.bucket_name}"
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  aliases         = var.aliases
  price_class     = var.price_class
  web_acl_id      = var.web_acl_arn
  tags            = var.tags

  # Its ARN is known long before every edge knows it, and policies wait for nothing else.
  wait_for_deployment = false

  origin {
    origin_id                = local.origin
    domain_name              = "${var.bucket_name}.s3.${var.aws.region}.${var.aws.dns_suffix}"
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  default_cache_behavior {
    target_origin_id       = local.origin
    viewer_protocol_policy = "https-only"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]

    # For as long as a thumbnail's Cache-Control says, within a year; a day where it says nothing.
    cache_policy_id            = local.cache_policy_id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
    compress                   = false # images are as small as they get
  }

  # Whoever may not list a bucket is told 403 of what is not there, and a thumbnail may be there a second later.
  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
  custom_error_response {
    error_code            = 403
    error_caching_min_ttl = 5
  }

  viewer_certificate {
    cloudfront_default_certificate = var.certificate_arn == null
    acm_certificate_arn            = var.certificate_arn
    ssl_support_method             = var.certificate_arn == null ? null : "sni-only"
    minimum_protocol_version       = var.certificate_arn == null ? null : "TLSv1.2_2021"
  }

  dynamic "logging_config" {
    for_each = var.logs_bucket[*]

    content {
      bucket          = logging_config.value
      prefix          = "${var.name}/"
      include_cookies = false
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}
