# What somebody asked for, a user of the API or a device: uploads that have not come yet, keys of requests that may be
# repeated, and how much was asked for. All of it goes by itself.

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_28:What is in it is over within a day; restoring it would bring back asks whose addresses have expired.
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "owner" # whoever asks much has a partition to themselves, and slows down nobody else
  range_key    = "what"

  attribute {
    name = "owner"
    type = "S"
  }

  attribute {
    name = "what"
    type = "S"
  }

  # DynamoDB may take days over it, so whoever reads looks at the time as well.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}
