# Both buckets are made by one module: private, encrypted, over TLS.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "thumbs-uploads"
  partition   = "aws"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  without_tls = { Bool = { "aws:SecureTransport" = ["false"] } }
}

run "versioned" {
  module {
    source = "./modules/bucket"
  }

  variables {
    noncurrent_days = 30
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "No kind of public access may be left open."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" &&
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    ]) && length(aws_s3_bucket_server_side_encryption_configuration.this.rule) == 1
    error_message = "Objects must be encrypted with the key, by way of a bucket key."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "With days for noncurrent versions, the bucket must be versioned."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      rule.status == "Enabled" && try(rule.noncurrent_version_expiration[0].noncurrent_days, 0) == 30
    ])
    error_message = "Noncurrent versions must expire."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      rule.status == "Enabled" && try(rule.abort_incomplete_multipart_upload[0].days_after_initiation, 0) == 7
    ])
    error_message = "Incomplete uploads must be removed."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement == [{
      Sid       = "DenyWithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::thumbs-uploads", "arn:aws:s3:::thumbs-uploads/*"]
      Condition = { Bool = { "aws:SecureTransport" = ["false"] } }
      }, {
      Sid       = "DenyKeysOfUploaders"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::thumbs-uploads/*"
      Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
    }]
    error_message = "The bucket must deny everything that comes without TLS or with a key that only its uploader has, and allow nobody anything."
  }
}

run "served_by_a_distribution" {
  module {
    source = "./modules/bucket"
  }

  variables {
    distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/E1"]
  }

  assert {
    condition = [
      for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : statement if statement.Effect == "Allow"
      ] == [{
        Sid       = "DistributionsRead"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "arn:aws:s3:::thumbs-uploads/*"
        Condition = { StringEquals = { "aws:SourceArn" = ["arn:aws:cloudfront::123456789012:distribution/E1"] } }
    }]
    error_message = "A distribution must be able to read, and no more than that."
  }
}

run "objects_move_to_another_storage_class" {
  module {
    source = "./modules/bucket"
  }

  variables {
    transition = { days = 90, storage_class = "GLACIER_IR" }
  }

  assert {
    condition = flatten([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      [for transition in rule.transition : "${rule.status} ${transition.days} ${transition.storage_class}"]
    ]) == ["Enabled 90 GLACIER_IR"]
    error_message = "Objects must move once, when they were asked to."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this.rule) == 2
    error_message = "Incomplete uploads must still be removed."
  }
}

run "read_by_scripts" {
  module {
    source = "./modules/bucket"
  }

  variables {
    cors = { origins = ["https://www.example.com"], max_age_seconds = 600 }
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_cors_configuration.this["on"].cors_rule :
      "${join(" ", rule.allowed_methods)} ${join(" ", rule.allowed_origins)} ${rule.max_age_seconds}"
    ] == ["GET HEAD https://www.example.com 600"]
    error_message = "Scripts of these pages must be able to read, and do no more than that."
  }
}

run "unversioned" {
  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Disabled"
    error_message = "Without days for noncurrent versions, the bucket must not be versioned."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this.rule) == 1
    error_message = "An unversioned bucket has no noncurrent versions to expire."
  }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.this) == 0
    error_message = "Where nobody asks for it, no page's scripts may read."
  }
}
