# Who may tell of a reason now: one row a reason and window, written on the condition that there is none. Whichever of
# the many invocations wins it publishes, the others only count.
resource "aws_dynamodb_table" "digests" {
  #checkov:skip=CKV_AWS_28:Rows live for one window; what a restored table would hold back or let through is minutes old.
  name         = var.names.digests_table
  billing_mode = "PAY_PER_REQUEST" # one write for each invocation that saw a failure, and none in a good week
  hash_key     = "reason"
  tags         = var.tags

  attribute {
    name = "reason"
    type = "S"
  }

  # Tidies up alone: TTL deletes within days, so the function's condition compares the time itself.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  # Off on purpose: the table remembers for minutes who has spoken, and an empty one is as good as new.
  point_in_time_recovery {
    enabled = false
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}

