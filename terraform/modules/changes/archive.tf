# The archive: Firehose reads the stream, makes Parquet of the records, and stores it in S3 by day.

locals {
  on = { for archive in var.archive[*] : "on" => archive }

  # With format conversion, Firehose buffers 64 MB at least; with little to do, the seconds decide.
  # https://docs.aws.amazon.com/firehose/latest/dev/enable-record-format-conversion.html
  buffering_mb = 128

  # What is in the bucket, by the first part of its keys.
  folders = { events = "events/", failed = "failed/", results = "query-results/" }

  # By the time at which the oldest record of an object reached the stream, in UTC: partitions by what is in the records
  # would cost extra for each GB and each object. So an event of just before midnight may be in the folder of the next day,
  # and of an outage in that of the day on which it was over.
  # https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
  day_folder = "day=!{timestamp:yyyy-MM-dd}/"
}

module "bucket" {
  source   = "../bucket"
  for_each = local.on

  name        = var.names.bucket
  partition   = var.aws.partition
  kms_key_arn = var.kms_key_arn
  without_tls = var.without_tls
  expirations = merge(
    { (local.folders["results"]) = 7 },
    each.value.days == null ? {} : { (local.folders["events"]) = each.value.days, (local.folders["failed"]) = each.value.days },
  )
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  #checkov:skip=CKV_AWS_240:What Firehose reads from a stream is encrypted by the stream, and Firehose refuses a key of its own.
  #checkov:skip=CKV_AWS_241:The stream that it reads from has a key of the customer, as said above for CKV_AWS_240.
  for_each = local.on

  name        = var.names.delivery
  destination = "extended_s3"
  tags        = var.tags

  kinesis_source_configuration {
    kinesis_stream_arn = local.stream_arn
    role_arn           = aws_iam_role.delivery[each.key].arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.delivery[each.key].arn
    bucket_arn          = module.bucket[each.key].arn
    prefix              = "${local.folders["events"]}${local.day_folder}"
    error_output_prefix = "${local.folders["failed"]}${local.day_folder}!{firehose:error-output-type}/"
    compression_format  = "UNCOMPRESSED" # Parquet is compressed within
    buffering_size      = local.buffering_mb
    buffering_interval  = each.value.buffering_seconds
    kms_key_arn         = var.kms_key_arn

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.delivery[each.key].name
      log_stream_name = aws_cloudwatch_log_stream.delivery[each.key].name
    }

    data_format_conversion_configuration {
      input_format_configuration {
        deserializer {
          open_x_json_ser_de {}
        }
      }

      output_format_configuration {
        serializer {
          parquet_ser_de {}
        }
      }

      # The newest version of the table: an event's new field is a column from the next file on.
      schema_configuration {
        database_name = aws_glue_catalog_database.this[each.key].name
        table_name    = aws_glue_catalog_table.events[each.key].name
        region        = var.aws.region
        role_arn      = aws_iam_role.delivery[each.key].arn
      }
    }
  }

  # Firehose tries what it may when it is made, and refuses to be made without.
  depends_on = [aws_iam_role_policy.delivery]
}

# What cannot be delivered is told here; what cannot be made Parquet of is in the bucket.
resource "aws_cloudwatch_log_group" "delivery" {
  #checkov:skip=CKV_AWS_338:For how long logs are kept is the deployer's to say: retention.log_days.
  for_each = local.on

  name              = var.logs.group_name
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.logs.kms_key_arn
  tags              = var.tags
}

resource "aws_cloudwatch_log_stream" "delivery" {
  for_each = local.on

  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.delivery[each.key].name
}
