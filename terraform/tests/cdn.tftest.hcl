# The optional distribution: private behind, HTTPS in front.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name            = "thumbs-thumbnails-eu-central-1"
  aws             = { dns_suffix = "amazonaws.com", region = "eu-central-1" }
  bucket_name     = "thumbs-thumbnails"
  aliases         = ["img.example.com"]
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
  price_class     = "PriceClass_200"
  web_acl_arn     = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/images/1"
  logs_bucket     = "logs.s3.amazonaws.com"
  cors            = { origins = ["https://www.example.com"], max_age_seconds = 600 }
}

run "under_a_name_of_ones_own" {
  module {
    source = "./modules/cdn"
  }

  assert {
    condition = [for origin in aws_cloudfront_distribution.this.origin : "${origin.domain_name} ${origin.origin_access_control_id}"] == [
      "thumbs-thumbnails.s3.eu-central-1.amazonaws.com ${aws_cloudfront_origin_access_control.this.id}"
    ]
    error_message = "The one origin must be the bucket, by its regional name, through the origin access control."
  }

  assert {
    condition = "${aws_cloudfront_origin_access_control.this.origin_access_control_origin_type} ${aws_cloudfront_origin_access_control.this.signing_behavior} ${
      aws_cloudfront_origin_access_control.this.signing_protocol
    }" == "s3 always sigv4"
    error_message = "Every request to the bucket must be signed, or the bucket refuses it."
  }

  assert {
    condition = [for behavior in aws_cloudfront_distribution.this.default_cache_behavior :
      "${behavior.viewer_protocol_policy} ${join(" ", sort(behavior.allowed_methods))} ${behavior.compress} ${behavior.cache_policy_id} ${behavior.response_headers_policy_id}"
    ] == ["https-only GET HEAD false b2884449-e4de-46a7-ac36-70bc7f1ddd6d ${aws_cloudfront_response_headers_policy.this.id}"]
    error_message = "Viewers must be able to read, over HTTPS, and no more than that."
  }

  assert {
    condition = [for certificate in aws_cloudfront_distribution.this.viewer_certificate :
      "${certificate.minimum_protocol_version} ${certificate.ssl_support_method} ${certificate.acm_certificate_arn}"
    ] == ["TLSv1.2_2021 sni-only ${var.certificate_arn}"]
    error_message = "With a certificate, TLS must be 1.2 at least."
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.enabled && aws_cloudfront_distribution.this.aliases == toset(["img.example.com"]) &&
      aws_cloudfront_distribution.this.price_class == "PriceClass_200" && aws_cloudfront_distribution.this.web_acl_id == var.web_acl_arn
    )
    error_message = "The distribution must be as it was asked for."
  }

  assert {
    condition     = [for logging in aws_cloudfront_distribution.this.logging_config : "${logging.bucket} ${logging.prefix} ${logging.include_cookies}"] == ["logs.s3.amazonaws.com thumbs-thumbnails-eu-central-1/ false"]
    error_message = "Access logs must go where they were asked to go, apart from those of others."
  }

  assert {
    condition = [for headers in aws_cloudfront_response_headers_policy.this.security_headers_config : alltrue([
      headers.content_type_options[0].override, headers.strict_transport_security[0].access_control_max_age_sec == 63072000,
      headers.referrer_policy[0].referrer_policy == "no-referrer", strcontains(headers.content_security_policy[0].content_security_policy, "default-src 'none'"),
    ])] == [true]
    error_message = "Browsers must take a thumbnail for an image and nothing else, and come over HTTPS."
  }

  assert {
    condition = [for cors in aws_cloudfront_response_headers_policy.this.cors_config :
      "${join(" ", cors.access_control_allow_origins[0].items)} ${join(" ", sort(cors.access_control_allow_methods[0].items))} ${cors.access_control_allow_credentials} ${cors.access_control_max_age_sec}"
    ] == ["https://www.example.com GET HEAD false 600"]
    error_message = "Scripts of these pages must be able to read thumbnails, without anybody's cookies."
  }

  assert {
    condition     = [for response in aws_cloudfront_distribution.this.custom_error_response : "${response.error_code} ${response.error_caching_min_ttl}"] == ["403 5"]
    error_message = "That a thumbnail was not there yet must be forgotten soon."
  }
}

run "under_cloudfronts_own_name" {
  module {
    source = "./modules/cdn"
  }

  variables {
    aliases         = []
    certificate_arn = null
    web_acl_arn     = null
    logs_bucket     = null
    cors            = null
  }

  assert {
    condition     = [for certificate in aws_cloudfront_distribution.this.viewer_certificate : certificate.cloudfront_default_certificate] == [true]
    error_message = "Without a certificate it must be CloudFront's."
  }

  assert {
    condition     = length(aws_cloudfront_distribution.this.logging_config) == 0 && length(aws_cloudfront_response_headers_policy.this.cors_config) == 0
    error_message = "What nobody asked for must be off."
  }
}
