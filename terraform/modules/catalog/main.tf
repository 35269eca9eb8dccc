# One row per source object, and a sparse index of those that failed.

resource "aws_dynamodb_table" "this" {
  name         = var.table_name
  billing_mode = "PAY_PER_REQUEST" # an import is a spike, and the rest of the week is idle
  hash_key     = "source_key"      # spreads an import evenly; a bucket's name would be one hot partition
  range_key    = "source_bucket"

  attribute {
    name = "source_key"
    type = "S"
  }

  attribute {
    name = "source_bucket"
    type = "S"
  }

  attribute {
    name = "failure_shard"
    type = "S"
  }

  attribute {
    name = "failed_at"
    type = "S"
  }

  # Only FAILED rows carry the shard, so only they are in the index; shards keep a bulk import of bad images from
  # throttling the table through one hot partition of its index.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-gsi-sharding.html
  global_secondary_index {
    name               = local.failures_index
    hash_key           = "failure_shard"
    range_key          = "failed_at"
    projection_type    = "INCLUDE"
    non_key_attributes = ["attempts", "detail", "etag", "reason"]
  }

  # Set on tombstones alone.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  # The rows are the outbox of what is announced: a reader sees each as it was before and after a change.
  stream_enabled   = var.streamed ? true : null
  stream_view_type = var.streamed ? "NEW_AND_OLD_IMAGES" : null

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags
}

locals {
  failures_index = "failures"
}
