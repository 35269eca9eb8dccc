# The change stream and its archive: what is made, what Firehose may do, and where what became of images is found by day.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-archive" }
  }

  override_resource {
    target = aws_cloudwatch_log_group.delivery
    values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/kinesisfirehose/thumbs-archive" }
  }

  override_resource {
    target = aws_iam_role.delivery
    values = { arn = "arn:aws:iam::123456789012:role/thumbs-archive" }
  }
}

variables {
  name = "thumbs"
  names = {
    stream    = "thumbs-changes"
    delivery  = "thumbs-archive"
    role      = "thumbs-archive"
    bucket    = "thumbs-archive"
    database  = "thumbs_archive"
    workgroup = "thumbs-archive"
  }
  aws         = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  stream      = { mode = "create" }
  archive     = { buffering_seconds = 300, days = 400, query_gigabytes = 50 }
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  logs        = { group_name = "/aws/kinesisfirehose/thumbs-archive", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
  without_tls = { Bool = { "aws:SecureTransport" = ["false"] } }
}

run "archive" {
  module {
    source = "./modules/changes"
  }

  assert {
    condition = [for stream in aws_kinesis_stream.this :
      "${stream.name} ${one(stream.stream_mode_details).stream_mode} ${stream.encryption_type} ${stream.kms_key_id} ${stream.retention_period}"
    ] == ["thumbs-changes ON_DEMAND KMS ${var.kms_key_arn} 24"]
    error_message = "A stream must be on demand unless shards are given, encrypted, and keep records for a day."
  }

  assert {
    condition = [for delivery in aws_kinesis_firehose_delivery_stream.this : [
      one(delivery.kinesis_source_configuration).kinesis_stream_arn,
      one(delivery.extended_s3_configuration).bucket_arn,
      one(delivery.extended_s3_configuration).prefix,
      one(delivery.extended_s3_configuration).error_output_prefix,
      one(delivery.extended_s3_configuration).kms_key_arn,
      tostring(one(delivery.extended_s3_configuration).buffering_interval),
      ]] == [[
      "arn:aws:kinesis:eu-central-1:123456789012:stream/thumbs-changes",
      "arn:aws:s3:::thumbs-archive",
      "events/day=!{timestamp:yyyy-MM-dd}/",
      "failed/day=!{timestamp:yyyy-MM-dd}/!{firehose:error-output-type}/",
      var.kms_key_arn,
      "300",
    ]]
    error_message = "Firehose must bring what is in the stream to a folder of the day, and what cannot be converted to one of its own."
  }

  # https://docs.aws.amazon.com/firehose/latest/dev/enable-record-format-conversion.html
  assert {
    condition = [for delivery in aws_kinesis_firehose_delivery_stream.this : [
      one(delivery.extended_s3_configuration).buffering_size >= 64,
      one(delivery.extended_s3_configuration).compression_format,
      one(one(one(delivery.extended_s3_configuration).data_format_conversion_configuration).schema_configuration).table_name,
      length([for encryption in delivery.server_side_encryption : encryption if encryption.enabled]),
    ]] == [[true, "UNCOMPRESSED", "events", 0]]
    error_message = "Firehose takes no conversion with less of a buffer, with a compression or with a key of its own."
  }

  assert {
    condition = (
      aws_glue_catalog_table.events["on"].parameters["storage.location.template"] == "s3://thumbs-archive/events/day=$${day}/" &&
      one(aws_glue_catalog_table.events["on"].partition_keys).name == "day" &&
      aws_glue_catalog_table.events["on"].storage_descriptor[0].location == "s3://thumbs-archive/events/"
    )
    error_message = "Athena must look for a day where Firehose writes it."
  }

  assert {
    condition = (
      aws_athena_workgroup.this["on"].configuration[0].enforce_workgroup_configuration &&
      aws_athena_workgroup.this["on"].configuration[0].bytes_scanned_cutoff_per_query == 50000000000 &&
      aws_athena_workgroup.this["on"].configuration[0].result_configuration[0].output_location == "s3://thumbs-archive/query-results/" &&
      aws_athena_workgroup.this["on"].configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn == var.kms_key_arn
    )
    error_message = "A query must not read more than was said, and its answer must be encrypted, whoever asks."
  }

  assert {
    condition = output.saved_query_names == ["bytes-saved", "failures-by-reason", "time-to-ready"] && alltrue([
      for query in aws_athena_named_query.this :
      strcontains(query.query, "FROM \"thumbs_archive\".\"events\"") && strcontains(query.query, "WHERE day >= ") && query.database == "thumbs_archive"
    ])
    error_message = "The saved queries must read this table, and no more days of it than they need."
  }

  assert {
    condition     = toset(module.bucket["on"].lifecycle_rules) == toset(["abort-incomplete-uploads", "expire-events", "expire-failed", "expire-query-results"])
    error_message = "Files must go after the days that were said, and answers to queries after a few."
  }
}

run "role" {
  module {
    source = "./modules/changes"
  }

  assert {
    condition = {
      for name, policy in output.role.policies : name => [
        for statement in jsondecode(policy).Statement : "${join(" ", statement.Action)} on ${join(" ", flatten([statement.Resource]))}"
      ]
      } == {
      read   = ["kinesis:DescribeStream kinesis:GetRecords kinesis:GetShardIterator kinesis:ListShards on arn:aws:kinesis:eu-central-1:123456789012:stream/thumbs-changes"]
      schema = ["glue:GetTable glue:GetTableVersion glue:GetTableVersions on arn:aws:glue:eu-central-1:123456789012:catalog arn:aws:glue:eu-central-1:123456789012:database/thumbs_archive arn:aws:glue:eu-central-1:123456789012:table/thumbs_archive/events"]
      store  = ["s3:AbortMultipartUpload s3:GetObject s3:ListMultipartUploadParts s3:PutObject on arn:aws:s3:::thumbs-archive/events/* arn:aws:s3:::thumbs-archive/failed/*"]
      list   = ["s3:GetBucketLocation s3:ListBucket s3:ListBucketMultipartUploads on arn:aws:s3:::thumbs-archive"]
      logs   = ["logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:/aws/kinesisfirehose/thumbs-archive:log-stream:delivery"]
      encryption = [
        "kms:Decrypt kms:GenerateDataKey on ${var.kms_key_arn}",
        "kms:Decrypt on ${var.kms_key_arn}",
      ]
    }
    error_message = "Firehose must be able to read the stream and the table, and to write to the bucket, and nothing else."
  }

  assert {
    condition = [for statement in jsondecode(output.role.policies["encryption"]).Statement : statement.Condition.StringEquals["kms:ViaService"]] == [
      "s3.eu-central-1.amazonaws.com", "kinesis.eu-central-1.amazonaws.com"
    ]
    error_message = "The key must be usable through the bucket and the stream, and in no other way."
  }

  assert {
    condition = one(jsondecode(output.role.assumed_by).Statement) == {
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = "123456789012" } }
    }
    error_message = "Only Firehose may become the role, and only for this account."
  }
}

run "stream_alone" {
  module {
    source = "./modules/changes"
  }

  variables {
    shards          = 4
    retention_hours = 48
    archive         = null
  }

  assert {
    condition = [for stream in aws_kinesis_stream.this :
      "${one(stream.stream_mode_details).stream_mode} ${stream.shard_count} ${stream.retention_period}"
    ] == ["PROVISIONED 4 48"]
    error_message = "A stream with shards must have so many, and keep records for as long as was said."
  }

  assert {
    condition = (
      output.archive == null && output.role == null && output.saved_query_names == [] && length(module.bucket) == 0 &&
      length(aws_glue_catalog_database.this) + length(aws_glue_catalog_table.events) + length(aws_athena_workgroup.this) == 0
    )
    error_message = "Without an archive there must be none of it."
  }
}

run "stream_that_was_there_before" {
  module {
    source = "./modules/changes"
  }

  variables {
    stream = {
      mode        = "existing"
      arn         = "arn:aws:kinesis:eu-central-1:123456789012:stream/company-events"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/theirs"
    }
  }

  assert {
    condition = length(aws_kinesis_stream.this) == 0 && output.stream == {
      name        = "company-events"
      arn         = "arn:aws:kinesis:eu-central-1:123456789012:stream/company-events"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/theirs"
    }
    error_message = "A stream that was there before must be used, and none be made."
  }

  assert {
    condition = one([
      for statement in jsondecode(output.role.policies["encryption"]).Statement : statement.Resource if statement.Action == ["kms:Decrypt"]
    ]) == "arn:aws:kms:eu-central-1:123456789012:key/theirs"
    error_message = "Firehose must be able to read what is encrypted with another key."
  }
}
