# Whatever the module can be given, made in the same configuration: nothing of it is known when Terraform plans, not even
# the account, since each module waits for something. One for each way in which uploads are told of.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

resource "terraform_data" "before" {
  input = "210987654321"
}

# Everything there before.

resource "aws_kms_key" "all" {
  policy = module.existing.key_policies["kms_key"]
}

resource "aws_kms_key" "logs" {
  policy = module.existing.key_policies["log_kms_key"]
}

resource "aws_kms_key" "buckets" {
}

resource "aws_kms_key_policy" "buckets" {
  key_id = aws_kms_key.buckets.key_id
  policy = module.existing.owner_policies["uploads_kms_key"]
}

resource "aws_s3_bucket" "uploads" {
  bucket_prefix = "uploads-"
}

resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  policy = module.existing.owner_policies["uploads_bucket"]
}

resource "aws_s3_bucket" "thumbnails" {
  bucket_prefix = "thumbnails-"
}

resource "aws_s3_bucket_policy" "thumbnails" {
  bucket = aws_s3_bucket.thumbnails.id
  policy = module.existing.owner_policies["thumbnails_bucket"]
}

resource "aws_sns_topic" "pages" {
  kms_master_key_id = aws_kms_key.all.arn
}

resource "aws_sns_topic_policy" "pages" {
  arn    = aws_sns_topic.pages.arn
  policy = module.existing.owner_policies["alert_topics/critical"]
}

resource "aws_sqs_queue" "inbox" {
}

resource "aws_sqs_queue_policy" "inbox" {
  queue_url = aws_sqs_queue.inbox.url
  policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "sqs:SendMessage", Resource = aws_sqs_queue.inbox.arn, Condition = { ArnEquals = { "aws:SourceArn" = values(module.existing.topic_arns) } } }] })
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  count = 2

  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.${count.index}.0/24"
}

resource "aws_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_iam_policy" "boundary" {
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })
}

resource "aws_iam_role" "shop" {
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }] })
}

resource "aws_lambda_layer_version" "theirs" {
  layer_name = "imaging"
  filename   = "../../../terraform/tests/fixtures/layer.zip"
}

resource "aws_cloudwatch_event_bus" "theirs" {
  name = "theirs"
}

resource "aws_cognito_user_pool" "theirs" {
  name = "theirs"
}

resource "aws_acm_certificate" "theirs" {
  domain_name       = "images.example.com"
  validation_method = "DNS"
}

module "existing" {
  source = "../../../terraform"

  name              = "existing"
  archives          = { folder = "../../../terraform/tests/fixtures", layer = "existing", layer_arn = aws_lambda_layer_version.theirs.arn }
  reconcile         = { schedule = "rate(1 day)" }
  events            = { bus = { mode = "existing", arn = aws_cloudwatch_event_bus.theirs.arn } }
  uploads_bucket    = { mode = "existing", name = aws_s3_bucket.uploads.bucket, kms_key_arn = aws_kms_key.buckets.arn }
  thumbnails_bucket = { mode = "existing", name = aws_s3_bucket.thumbnails.bucket, kms_key_arn = aws_kms_key.buckets.arn }
  encryption        = { key = "existing", log_key = "existing", former_key_arns = [aws_kms_key.buckets.arn] }
  kms_key_arn       = aws_kms_key.all.arn
  log_kms_key_arn   = aws_kms_key.logs.arn
  alert_topics      = { critical = { arn = aws_sns_topic.pages.arn, kms_key_arn = aws_kms_key.all.arn } }
  devices           = { provisioning = {}, role_alias = true }
  access            = { uploaders = [aws_iam_role.shop.arn], readers = [aws_iam_role.shop.arn] }
  vpc               = { subnet_ids = aws_subnet.this[*].id, security_group_ids = [aws_security_group.this.id] }
  api = {
    sign_in = { mode = "existing", user_pool_id = aws_cognito_user_pool.theirs.id, callback_urls = ["https://www.example.com/"] }
    cors    = { origins = ["https://www.example.com"] }
    domain  = { name = aws_acm_certificate.theirs.domain_name, certificate_arn = aws_acm_certificate.theirs.arn }
  }

  alert_subscriptions = {
    inbox = { protocol = "sqs", endpoint = aws_sqs_queue.inbox.arn, undelivered_queue_arn = aws_sqs_queue.inbox.arn }
  }
  permissions_boundary_arn = aws_iam_policy.boundary.arn
  function_environment     = { SHOP = aws_iam_role.shop.arn }
  tags                     = { shop = aws_iam_role.shop.arn }

  depends_on = [terraform_data.before]
}

# Told by EventBridge, from another account.

module "eventbridge" {
  source = "../../../terraform"

  name           = "eventbridge"
  archives       = { folder = "../../../terraform/tests/fixtures" }
  reconcile      = { schedule = "rate(1 day)" }
  source_prefix  = "tenant=ä/My Photos/"
  uploads_bucket = { mode = "eventbridge", name = aws_s3_bucket.uploads.bucket, owner = "other", account_id = terraform_data.before.output }
  cdn            = { logs_bucket = aws_s3_bucket.artifacts.bucket_domain_name }

  depends_on = [terraform_data.before]
}

# All made here, of archives in a bucket, and served by a distribution of the caller's.

resource "aws_s3_bucket" "artifacts" {
  bucket_prefix = "artifacts-"
}

resource "aws_cloudfront_distribution" "theirs" {
  enabled = true

  origin {
    origin_id   = "thumbnails"
    domain_name = "${module.made.thumbnails_bucket}.s3.eu-central-1.amazonaws.com"
  }

  default_cache_behavior {
    target_origin_id       = "thumbnails"
    viewer_protocol_policy = "https-only"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}

module "made" {
  source = "../../../terraform"

  name              = "made"
  reconcile         = { schedule = "rate(1 day)" }
  events            = {}
  devices           = {}
  api               = { sign_in = { mode = "oidc", issuer = "https://${terraform_data.before.output}", audience = [terraform_data.before.output] } }
  source_prefix     = "tenant=ä/My Photos/"
  distribution_arns = [aws_cloudfront_distribution.theirs.arn]
  archives = {
    mode = "s3"
    s3 = {
      bucket      = aws_s3_bucket.artifacts.bucket
      thumbnailer = { key = "thumbnailer.zip", version = "1" }
      reconciler  = { key = "reconciler.zip", version = "2" }
      publisher   = { key = "publisher.zip", version = "4" }
      api         = { key = "api.zip", version = "5" }
      device_asks = { key = "device_asks.zip", version = "6" }

      device_status = { key = "device_status.zip", version = "7" }

      layer = { key = "layer.zip", version = "3" }
    }
  }

  depends_on = [terraform_data.before]
}
