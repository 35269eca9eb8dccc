# What can go wrong with the change stream, and with its archive.

locals {
  of_changes = {
    for changes in var.changes[*] : "stream" => { namespace = "AWS/Kinesis", dimensions = { StreamName = changes.stream_name } }
  }
  of_archive = {
    for archive in try(var.changes.archive[*], []) : "delivery" => { namespace = "AWS/Firehose", dimensions = { DeliveryStreamName = archive.delivery_name } }
  }

  # Firehose tries for a day, and waits for a quarter of an hour at most by design.
  # https://docs.aws.amazon.com/firehose/latest/dev/retry.html
  archive_late_seconds = 3600

  change_alarms = {
    for key, stream in local.of_changes : key => {
      changes-throttled = {
        # Reported when there are some; the publisher tries again, and a few in a minute do no harm.
        metrics    = { refused = merge(stream, { name = "WriteProvisionedThroughputExceeded", stat = "Sum" }) }
        expression = "FILL(refused, 0)"
        threshold  = 1
        period     = 60
        datapoints = 5
        of         = 10
        missing    = "notBreaching" # nothing was put
        meaning    = "The stream ${var.changes.stream_name} does not take all that is put into it: changes come late, and are parked if it goes on for hours."
        steps = [
          "Dashboard ${var.name}: does an import or a backfill go on? A stream that is on demand doubles what it takes within a quarter of an hour.",
          "With capacity provisioned, raise changes.capacity.shards and apply: a shard takes 1,000 records or 1 MB a second.",
          "One image that is uploaded time and again has one shard to itself: see who does it.",
        ]
      }
    }
  }

  archive_alarms = {
    for key, delivery in local.of_archive : key => {
      archive-late = {
        # What Firehose has and cannot store; what it has not read yet; and where it reads nothing at all, it says neither.
        metrics = {
          fresh  = merge(delivery, { name = "DeliveryToS3.DataFreshness", stat = "Maximum" })
          behind = merge(delivery, { name = "KinesisMillisBehindLatest", stat = "Maximum" })
          read   = merge(delivery, { name = "DataReadFromKinesisStream.Records", stat = "Sum" })
          put    = merge(local.of_changes["stream"], { name = "IncomingRecords", stat = "Sum" })
        }
        expression = "MAX([FILL(fresh, 0), FILL(behind, 0) / 1000, IF(FILL(put, 0) > 0 AND FILL(read, 0) == 0, ${local.archive_late_seconds}, 0)])"
        threshold  = local.archive_late_seconds
        period     = 300
        datapoints = 3
        of         = 3
        missing    = "notBreaching" # nothing was put
        meaning    = "What became of images an hour ago is not in the archive yet, and Firehose gives up after a day."
        steps = [
          "Read the end of the log group ${var.changes.archive.log_group_name}: it names the call that is refused.",
          "Compare with what was changed last: the policies of the role ${var.changes.archive.role_name}, the bucket ${var.changes.archive.bucket_name}, the key.",
          "Undo it. Firehose goes on by itself where it stopped, as long as ${var.changes.stream_name} keeps the records.",
        ]
      }
      archive-failures = {
        metrics    = { failed = merge(delivery, { name = "FailedConversion.Records", stat = "Sum" }) }
        expression = "FILL(failed, 0)"
        threshold  = 1
        period     = 300
        datapoints = 1
        of         = 1
        missing    = "notBreaching" # none was converted
        meaning    = "Of records of ${var.changes.stream_name} no Parquet could be made: they are in ${var.changes.archive.bucket_name} under failed/, and no query finds them."
        steps = [
          "Read one: each line there has errorCode, errorMessage, and the record in rawData.",
          "A record that is none of ${var.name}'s events? Somebody else puts into the stream.",
          "An event? Compare it with the columns of the table ${var.changes.archive.database_name}.${var.changes.archive.table_name}: did a field change its type?",
        ]
      }
    }
  }

  change_rows = [
    for changes in var.changes[*] : {
      height = 6
      widgets = concat([
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Change stream: records (good: none refused)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              ["AWS/Kinesis", "IncomingRecords", "StreamName", changes.stream_name, { label = "taken" }],
              ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", changes.stream_name, { label = "refused for now" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        ], flatten([
          for archive in changes.archive[*] : [
            {
              width = 8
              type  = "metric"
              properties = {
                title  = "Archive: behind, s (good: under the line)"
                region = var.aws.region
                period = 60
                stat   = "Maximum"
                metrics = [
                  ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", archive.delivery_name, { label = "oldest that is not stored" }],
                  ["AWS/Firehose", "KinesisMillisBehindLatest", "DeliveryStreamName", archive.delivery_name, { id = "behind", visible = false }],
                  [{ id = "unread", expression = "behind / 1000", label = "behind the stream" }],
                ]
                annotations = { horizontal = [{ label = "archive late", value = local.archive_late_seconds }] }
                yAxis       = { left = { min = 0 } }
              }
            },
            {
              width = 8
              type  = "metric"
              properties = {
                title  = "Archive: records (good: none failed)"
                region = var.aws.region
                period = 300
                stat   = "Sum"
                metrics = [
                  ["AWS/Firehose", "SucceedConversion.Records", "DeliveryStreamName", archive.delivery_name, { label = "made Parquet of" }],
                  ["AWS/Firehose", "FailedConversion.Records", "DeliveryStreamName", archive.delivery_name, { label = "failed" }],
                ]
                yAxis = { left = { min = 0 } }
              }
            },
          ]
      ]))
    }
  ]
}
