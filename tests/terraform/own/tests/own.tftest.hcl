# Planned and applied in one go; see main.tf.

mock_provider "aws" {
  source = "../../../terraform/tests/mocks"

  # What rules look at once it is known.
  override_resource {
    target = aws_sqs_queue.inbox
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:inbox" }
  }

  override_resource {
    target = module.existing.module.parked_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::existing-parked" }
  }

  override_resource {
    target = module.made.module.parked_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::made-parked" }
  }

  override_resource {
    target = aws_s3_bucket.uploads
    values = { id = "uploads-1", bucket = "uploads-1" }
  }

  override_resource {
    target = aws_s3_bucket.thumbnails
    values = { id = "thumbnails-1", bucket = "thumbnails-1" }
  }

  override_resource {
    target = aws_s3_bucket.artifacts
    values = { id = "artifacts-1", bucket = "artifacts-1", bucket_domain_name = "artifacts-1.s3.amazonaws.com" }
  }

  override_resource {
    target = aws_subnet.this
    values = { id = "subnet-0a" }
  }

  override_resource {
    target = aws_security_group.this
    values = { id = "sg-0a" }
  }

  override_resource {
    target = aws_iam_policy.boundary
    values = { arn = "arn:aws:iam::123456789012:policy/boundary" }
  }

  override_resource {
    target = aws_iam_role.shop
    values = { arn = "arn:aws:iam::123456789012:role/shop" }
  }

  override_resource {
    target = aws_acm_certificate.theirs
    values = { arn = "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555" }
  }

  override_resource {
    target = aws_cloudfront_distribution.theirs
    values = { arn = "arn:aws:cloudfront::123456789012:distribution/E1" }
  }

  override_resource {
    target = module.existing.module.devices["on"].aws_sqs_queue.errors
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:existing-device-errors" }
  }

  override_resource {
    target = module.made.module.devices["on"].aws_sqs_queue.errors
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:made-device-errors" }
  }

  override_resource {
    target = module.eventbridge.module.ingest.aws_sqs_queue.work
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:eventbridge-work" }
  }

  override_resource {
    target = module.eventbridge.module.ingest.aws_sqs_queue.dead_letters
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:eventbridge-dead-letters" }
  }
}

run "in_one_go" {
  assert {
    condition     = module.existing.source_bucket == "uploads-1" && module.existing.kms_key_arn == aws_kms_key.all.arn && module.eventbridge.source_rule_name == "eventbridge-uploads"
    error_message = "What was made must be what is used."
  }

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-content-based-filtering.html
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
  assert {
    condition = (
      [for statement in jsondecode(module.eventbridge.owner_policies["uploads_bucket"]).Statement : statement.Resource if statement.Sid == "ThumbnailerReads"] == ["arn:aws:s3:::uploads-1/tenant=ä/My Photos/*"]
    )
    error_message = "IAM takes a prefix as it stands in the key."
  }
}
