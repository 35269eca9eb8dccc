# What is announced of images, and what keeps it from being announced: alarms and a row of the dashboard for each function
# that announces.

locals {
  of_publishers = {
    for key, publisher in var.publishers : key => {
      lambda    = { namespace = "AWS/Lambda", dimensions = { FunctionName = publisher.name } }
      mapping   = { namespace = "AWS/Lambda", dimensions = { EventSourceMappingUUID = publisher.mapping_uuid } }
      published = { namespace = "ThumbnailPipeline", dimensions = { Function = publisher.name } }
    }
  }

  # Pairs: the same at two thresholds. Lambda tells the age of the newest record that it hands to the function, also when
  # the function fails.
  announced_late = {
    for key, publisher in var.publishers : key => {
      metrics    = { age = merge(local.of_publishers[key].lambda, { name = "IteratorAge", stat = "Maximum" }) }
      expression = "age / 60000"
      period     = 60
      datapoints = 5
      of         = 5
      missing    = "notBreaching" # nothing was read; see the alarm stopped
      steps = [
        "Dashboard ${var.name}: do invocations of ${publisher.name} fail, or are they throttled? Then read the end of ${publisher.log_group_name}, which names the call.",
        "Compare with what was changed last: the policies of ${publisher.name}'s role, the key, ${publisher.what}.",
        "If it is healthy, an import changes more than it announces: the age falls by itself afterwards, and quotas of ${publisher.what} can be raised.",
      ]
    }
  }

  announcing = {
    for key, publisher in var.publishers : key => {
      "${key}-late" = merge(local.announced_late[key], {
        threshold = 15
        meaning   = "What became of images has reached ${publisher.what} 15 minutes late or more for 5 minutes. After ${publisher.record_age_hours} hours it is parked, and has to be sent again by hand."
      })

      "${key}-stopped" = {
        # Of a mapping that reads nothing there is no age. An image that is decided in the last moment of a period may be
        # read in the next one.
        metrics = {
          ready   = merge(local.of.pipeline, { name = "Ready", stat = "Sum" })
          failed  = merge(local.of.pipeline, { name = "Failed", stat = "Sum" })
          deleted = merge(local.of.pipeline, { name = "Deleted", stat = "Sum" })
          polled  = merge(local.of_publishers[key].mapping, { name = "PolledEventCount", stat = "Sum" })
        }
        expression = "IF((FILL(ready, 0) + FILL(failed, 0) + FILL(deleted, 0)) > 0 AND FILL(polled, 0) == 0, 1, 0)"
        threshold  = 1
        period     = 3600
        datapoints = 1
        of         = 1
        missing    = "notBreaching" # no images, nothing to announce
        meaning    = "For an hour, images have changed and ${publisher.name} has read nothing of it. The stream forgets after 24 hours, and what it has forgotten nobody is told."
        steps = [
          "Lambda console, ${publisher.name}, triggers: is the stream's enabled? Somebody may have paused it.",
          "May the role ${publisher.name} still read the stream of ${var.catalog.table_name}, and use its key?",
          "Once it reads again, what the stream remembers is announced by itself; the rest with thumbctl events republish --since.",
        ]
      }

      "${key}-failing" = {
        metrics = {
          errors  = merge(local.of_publishers[key].lambda, { name = "Errors", stat = "Sum" })
          refused = merge(local.of_publishers[key].published, { name = "EventsFailed", stat = "Sum" })
        }
        expression = "FILL(errors, 0) + FILL(refused, 0)"
        threshold  = 1
        period     = 300
        datapoints = 2
        of         = 3
        missing    = "notBreaching" # nothing to announce
        meaning    = "${publisher.name} cannot announce what became of images on ${publisher.what}. It is tried again, for ${publisher.record_age_hours} hours at most; then it is parked."
        steps = [
          "Read the end of ${publisher.log_group_name}: the error names the call, and whether it was refused or throttled.",
          "Compare with what was changed last: the policies of ${publisher.name}'s role, the key, ${publisher.what}.",
          "Images are rendered all the same. Once it is mended, all is announced by itself, in its order.",
        ]
      }

      "${key}-parked" = {
        metrics = {
          parked  = merge(local.of_publishers[key].mapping, { name = "OnFailureDestinationDeliveredEventCount", stat = "Sum" })
          dropped = merge(local.of_publishers[key].mapping, { name = "DroppedEventCount", stat = "Sum" })
        }
        expression = "FILL(parked, 0) + FILL(dropped, 0)"
        threshold  = 1
        period     = 300
        datapoints = 1
        of         = 1
        missing    = "notBreaching" # none so far
        meaning    = "Changes of images could not be announced and were parked in ${publisher.parked_bucket}. Consumers do not know of them, and later ones of the same images are announced."
        steps = [
          "Read the end of ${publisher.log_group_name}: what could it not announce? One record that it cannot read is a defect: keep it.",
          "Mend the cause, then send what is parked again: thumbctl events resend.",
          "Where the bucket holds less than was dropped: thumbctl events republish --since tells consumers the newest state of all.",
        ]
      }
    }
  }

  announcing_rows = [
    for key, publisher in var.publishers : {
      height = 6
      widgets = [
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Announced on ${publisher.what} (good: as images)"
            region = var.aws.region
            period = 60
            stat   = "Sum"
            metrics = [
              ["ThumbnailPipeline", "EventsPublished", "Function", publisher.name, { label = "announced" }],
              ["ThumbnailPipeline", "EventsFailed", "Function", publisher.name, { label = "refused, to be tried again" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "From row to announcement, ms (good: level)"
            region = var.aws.region
            period = 60
            metrics = [
              ["ThumbnailPipeline", "EventDelay", "Function", publisher.name, { stat = "p50", label = "half of them" }],
              ["ThumbnailPipeline", "EventDelay", "Function", publisher.name, { stat = "p99", label = "99 %" }],
              ["AWS/Lambda", "IteratorAge", "FunctionName", publisher.name, { stat = "Maximum", label = "what is read" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
        {
          width = 8
          type  = "metric"
          properties = {
            title  = "Not announced (good: none)"
            region = var.aws.region
            period = 300
            stat   = "Sum"
            metrics = [
              ["AWS/Lambda", "Errors", "FunctionName", publisher.name, { label = "failed invocations" }],
              ["AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "EventSourceMappingUUID", publisher.mapping_uuid, { label = "parked" }],
              ["AWS/Lambda", "DroppedEventCount", "EventSourceMappingUUID", publisher.mapping_uuid, { label = "dropped" }],
            ]
            yAxis = { left = { min = 0 } }
          }
        },
      ]
    }
  ]
}
