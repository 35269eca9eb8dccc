# A private bucket: nobody's but the account's, encrypted with one key, reached over TLS only.

locals {
  arn       = "arn:${var.partition}:s3:::${var.name}"
  versioned = var.noncurrent_days != null
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:Uploads are the deployer's to replicate, to a Region of their choice; thumbnails can be rendered again.
  #checkov:skip=CKV2_AWS_62:Uploads notify the work queue, from the ingest module; thumbnails must notify nobody.
  #checkov:skip=CKV_AWS_18:Who read what is the account's to record, in CloudTrail's data events; S3's own logs come late, may lack requests, and need a further bucket.
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags

  # Where destroying stops at a bucket that is not empty, the key to what is in it must not be on its way out already.
  depends_on = [var.kms_key_arn]
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # Switches ACLs off: policies alone decide.
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    # A bucket that never was versioned cannot be suspended, only left alone.
    status = local.versioned ? "Enabled" : "Disabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # One data key for many objects: a bulk import would otherwise pay, and be throttled, for a KMS call per object.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:Its first rule aborts failed uploads, which the check does not see beside a dynamic one; a test of the module does.
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = var.incomplete_upload_days
    }
  }

  dynamic "rule" {
    for_each = local.versioned ? ["expire-noncurrent-versions"] : []

    content {
      id     = rule.value
      status = "Enabled"

      filter {}

      noncurrent_version_expiration {
        noncurrent_days = var.noncurrent_days
      }

      # A delete marker with nothing behind it only slows listings down.
      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  dynamic "rule" {
    for_each = var.transition[*]

    content {
      id     = "move-to-another-storage-class"
      status = "Enabled"

      filter {}

      transition {
        days          = rule.value.days
        storage_class = rule.value.storage_class
      }
    }
  }

  dynamic "rule" {
    for_each = var.expirations

    content {
      id     = rule.key == "" ? "expire-objects" : "expire-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  # The rule for noncurrent versions is only accepted where there are versions.
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_cors_configuration" "this" {
  for_each = { for cors in var.cors[*] : "on" => cors }

  bucket = aws_s3_bucket.this.id

  cors_rule {
    allowed_methods = each.value.methods
    allowed_origins = each.value.origins
    allowed_headers = each.value.headers
    expose_headers  = each.value.exposed
    max_age_seconds = each.value.max_age_seconds
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arn, "${local.arn}/*"]
        Condition = var.without_tls
      }],
      # What is encrypted with a key of the uploader's own, nobody else can read. New buckets refuse it since April 2026.
      # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html#ssec-require-condition-key
      [{
        Sid       = "DenyKeysOfUploaders"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.arn}/*"
        Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
      }],
      # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
      length(var.distribution_arns) == 0 ? [] : [{
        Sid       = "DistributionsRead"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "${local.arn}/*"
        Condition = { StringEquals = { "aws:SourceArn" = var.distribution_arns } }
      }],
      # Whatever else lets CloudFront in, for whichever distribution.
      [
        for keys in [var.withheld_keys] : {
          Sid       = "DistributionsDoNotReadUsersImages"
          Effect    = "Deny"
          Principal = { Service = "cloudfront.amazonaws.com" }
          Action    = "s3:GetObject"
          Resource  = "${local.arn}/${keys}"
        } if keys != null
      ],
      [for statement in var.further_statements : jsondecode(statement)],
    )
  })

  # Both change the bucket's policy settings, and S3 refuses two such changes at a time.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
