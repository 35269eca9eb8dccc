# The change stream for analytics: every completion event as a record of a Kinesis data stream, in the order of its image.
# Who reads it is up to the deployer; archive.tf has one reader that needs no code, and writes Parquet to S3.

locals {
  stream_arn  = var.stream.mode == "create" ? one(values(aws_kinesis_stream.this)[*].arn) : var.stream.arn
  stream_name = var.stream.mode == "create" ? var.names.stream : split("/", var.stream.arn)[1]

  # What the records are encrypted with; of a stream that was there before, its owner says so.
  stream_kms_key_arn = var.stream.mode == "create" ? var.kms_key_arn : var.stream.kms_key_arn
}

resource "aws_kinesis_stream" "this" {
  for_each = toset(var.stream.mode == "create" ? ["on"] : [])

  name             = var.names.stream
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = var.kms_key_arn
  tags             = var.tags

  # On demand, a stream takes twice of what it took at most in the last thirty days, and shards are AWS's own affair.
  # https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
  shard_count = var.shards

  stream_mode_details {
    stream_mode = var.shards == null ? "ON_DEMAND" : "PROVISIONED"
  }
}
