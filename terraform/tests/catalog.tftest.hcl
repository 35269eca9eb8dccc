# The catalog: keys that spread, an index that is sparse, and nothing that is lost by accident.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  table_name  = "thumbs-catalog"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
}

run "table" {
  module {
    source = "./modules/catalog"
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "source_key" && aws_dynamodb_table.this.range_key == "source_bucket"
    error_message = "A row must be found by the source's key, then by its bucket."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.ttl).enabled && one(aws_dynamodb_table.this.ttl).attribute_name == "expires_at"
    error_message = "Tombstones must expire by expires_at."
  }

  assert {
    condition = (
      one(aws_dynamodb_table.this.global_secondary_index).name == "failures" &&
      one(aws_dynamodb_table.this.global_secondary_index).hash_key == "failure_shard" &&
      one(aws_dynamodb_table.this.global_secondary_index).range_key == "failed_at"
    )
    error_message = "Failures must be listed by shard, then by time."
  }

  assert {
    condition = (
      one(aws_dynamodb_table.this.global_secondary_index).projection_type == "INCLUDE" &&
      one(aws_dynamodb_table.this.global_secondary_index).non_key_attributes == toset(["attempts", "detail", "etag", "reason"])
    )
    error_message = "A listing of failures must say what went wrong, and carry no more than that."
  }

  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { source_key = "S", source_bucket = "S", failure_shard = "S", failed_at = "S" }
    error_message = "All keys must be strings."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.point_in_time_recovery).enabled && aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "The table must be recoverable, and protected from deletion unless that is switched off."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.server_side_encryption).enabled && one(aws_dynamodb_table.this.server_side_encryption).kms_key_arn == var.kms_key_arn
    error_message = "The table must be encrypted with the key."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "Capacity must follow the load."
  }

  assert {
    condition     = output.failures_index_name == one(aws_dynamodb_table.this.global_secondary_index).name
    error_message = "The index must be called what the output says."
  }
}
