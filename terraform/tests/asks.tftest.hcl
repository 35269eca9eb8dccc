# The table of what was asked for, of users and of devices alike.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "table" {
  module {
    source = "./modules/asks"
  }

  variables {
    name        = "thumbs-asks"
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  }

  assert {
    condition = (
      one(aws_dynamodb_table.this.ttl).enabled && one(aws_dynamodb_table.this.ttl).attribute_name == "expires_at" &&
      one(aws_dynamodb_table.this.server_side_encryption).kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/k" &&
      aws_dynamodb_table.this.hash_key == "owner" && aws_dynamodb_table.this.range_key == "what" && length(aws_dynamodb_table.this.global_secondary_index) == 0
    )
    error_message = "Asks must go by themselves, be encrypted, and be in no index that one busy asker could throttle."
  }
}
