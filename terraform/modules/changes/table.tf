# How the archive is asked: a table over the files, and a workgroup of Athena with three queries to begin with.

locals {
  table = "events"

  # An event's fields, as functions/publisher/image_event.schema.json has them; a test holds the two together. Times and
  # sequences are text, which sorts as they do. What is not in here is dropped when Parquet is made: add a column before
  # the publisher sends the field, at the end of its struct, and rename or remove none, since older files have them so.
  # https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
  columns = [
    { name = "specversion", type = "string" },
    { name = "id", type = "string" },
    { name = "source", type = "string" },
    { name = "type", type = "string" },
    { name = "subject", type = "string" },
    { name = "time", type = "string" },
    { name = "datacontenttype", type = "string" },
    { name = "dataschema", type = "string" },
    { name = "sequence", type = "string" },
    { name = "deployment", type = "string" },
    { name = "data", type = "struct<${join(",", [for field in local.data : "${field.name}:${field.type}"])}>" },
  ]
  data = [
    { name = "schema_version", type = "int" },
    { name = "bucket", type = "string" },
    { name = "key", type = "string" },
    { name = "version", type = "string" },
    { name = "etag", type = "string" },
    { name = "status", type = "string" },
    { name = "reason", type = "string" },
    { name = "backfill", type = "boolean" },
    { name = "size", type = "bigint" },
    { name = "format", type = "string" },
    { name = "width", type = "int" },
    { name = "height", type = "int" },
    { name = "created_at", type = "string" },
    { name = "renditions", type = "array<struct<name:string,key:string,width:int,height:int,bytes:bigint,etag:string>>" },
  ]

  queries = {
    for file in fileset("${path.module}/queries", "*.sql") : trimsuffix(file, ".sql") =>
    templatefile("${path.module}/queries/${file}", { table = "\"${var.names.database}\".\"${local.table}\"" })
  }
}

resource "aws_glue_catalog_database" "this" {
  for_each = local.on

  name        = var.names.database
  description = "What became of the images of ${var.name}."
  tags        = var.tags
}

resource "aws_glue_catalog_table" "events" {
  for_each = local.on

  name          = local.table
  database_name = aws_glue_catalog_database.this[each.key].name
  description   = "Completion events, each at least once: those of an image in the order of sequence, repetitions with the same id."
  table_type    = "EXTERNAL_TABLE"

  # Athena works partitions out by itself: no crawler, and nothing to add at midnight.
  # https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
  parameters = {
    EXTERNAL                       = "TRUE"
    classification                 = "parquet"
    "projection.enabled"           = "true"
    "projection.day.type"          = "date"
    "projection.day.format"        = "yyyy-MM-dd"
    "projection.day.range"         = "2026-01-01,NOW" # before there was anything to archive
    "projection.day.interval"      = "1"
    "projection.day.interval.unit" = "DAYS"
    "storage.location.template"    = "s3://${module.bucket[each.key].name}/${local.folders["events"]}day=$${day}/"
  }

  partition_keys {
    name    = "day"
    type    = "string"
    comment = "On which the events reached the stream, in UTC."
  }

  storage_descriptor {
    location      = "s3://${module.bucket[each.key].name}/${local.folders["events"]}"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = local.columns

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

resource "aws_athena_workgroup" "this" {
  for_each = local.on

  name          = var.names.workgroup
  description   = "Questions about the images of ${var.name}."
  force_destroy = var.force_destroy
  tags          = var.tags

  configuration {
    # Who asks cannot have answers written elsewhere, or in the clear.
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = false # charged for each metric
    bytes_scanned_cutoff_per_query     = each.value.query_gigabytes * pow(1000, 3)

    result_configuration {
      output_location = "s3://${module.bucket[each.key].name}/${local.folders["results"]}"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each = { for name, query in local.queries : name => query if var.archive != null }

  name      = each.key
  workgroup = aws_athena_workgroup.this["on"].id
  database  = aws_glue_catalog_database.this["on"].name
  query     = each.value
}
