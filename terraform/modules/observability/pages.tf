# What wakes somebody up. One cause sets off several of these alarms, and later ones more: a page goes off with the
# first of its alarms and stays until the last is over.

locals {
  pages = {
    pipeline-failing = {
      meaning = "Images do not become thumbnails. The reason of this message names the alarm that went off first; each tells subscribers of warnings what to do."
      alarms = {
        systemic-errors = {
          sign       = "access denied, or something missing: the saved query ${var.name}/systemic-errors names it."
          metrics    = { systemic = merge(local.of.pipeline, { name = "Systemic", stat = "Sum" }) }
          expression = "systemic"
          threshold  = 1
          # One may be a policy that was not in force yet. With few images the next one only comes after the
          # visibility timeout, which ten minutes outlast.
          period     = 60
          datapoints = 2
          of         = 10
          missing    = "notBreaching" # reported only when there are some
          meaning    = "A fault that every image meets, such as a lost permission, a missing table or a wrong setting. Nothing becomes a thumbnail, and messages become dead letters."
          steps = [
            "Run the saved query ${var.name}/systemic-errors, or look for SYSTEMIC in ${var.log_group_name}: the error names the call.",
            "Compare with what was changed last: the policies of ${var.function.name}'s role, the key, the bucket, ${var.catalog.table_name}, Terraform.",
            "Undo it. Messages come back by themselves; then start a redrive of ${var.dlq.name} if there are any.",
          ]
        }

        function-errors = {
          sign = "invocations crash, time out or cannot start: the saved query ${var.name}/crashes shows them."
          metrics = {
            errors      = merge(local.of.lambda, { name = "Errors", stat = "Sum" })
            invocations = merge(local.of.lambda, { name = "Invocations", stat = "Sum" })
          }
          expression = "IF(invocations > 0, 100 * errors / invocations, 0)"
          threshold  = var.thresholds.error_percent
          period     = 300
          datapoints = 2
          of         = 3
          missing    = "notBreaching" # no invocations, no errors
          meaning    = "${var.thresholds.error_percent} % or more of the invocations of ${var.function.name} fail: it crashes, times out or cannot start."
          steps = [
            "If the alarm systemic-errors is on as well, begin with that.",
            "Run the saved query ${var.name}/crashes: time-outs, memory, modules that cannot be imported.",
            "If it began with a deployment, go back to the archives before it. Otherwise raise memory_mb or timeout_seconds.",
          ]
        }

        no-output = {
          sign = "messages wait and nothing is decided: is the trigger of ${var.function.name} enabled?"
          # A message is deleted when all that it tells of is decided. What the function counts would not do: a backfill
          # goes on while the uploads' trigger is paused. The backfill's own may be.
          metrics = {
            waiting  = merge(local.of.work, { name = "ApproximateNumberOfMessagesVisible", stat = "Maximum" })
            received = merge(local.of.work, { name = "NumberOfMessagesReceived", stat = "Sum" })
            deleted  = merge(local.of.work, { name = "NumberOfMessagesDeleted", stat = "Sum" })
          }
          expression = "IF((FILL(waiting, 0) + FILL(received, 0)) > 0 AND FILL(deleted, 0) == 0, 1, 0)"
          threshold  = 1
          # A single message that waits for its next try leaves periods in which there is nothing to do.
          period     = 300
          datapoints = var.thresholds.silent_minutes / 5
          of         = var.thresholds.silent_minutes / 5 + 1
          missing    = "notBreaching" # no message has ever been reported
          meaning    = "For ${var.thresholds.silent_minutes} minutes there were messages in ${var.queue.name}, and not one of them was decided."
          steps = [
            "Lambda console, ${var.function.name}, triggers: is the queue's enabled? Somebody may have paused it.",
            "Dashboard ${var.name}: invocations? Without any, see throttles and the account's concurrency. With errors, run the saved query ${var.name}/crashes.",
            "Invocations without errors: ${var.name}/returned-by-error tells what S3, DynamoDB or KMS refuse; see AWS Health.",
          ]
        }

        failure-ratio-critical = merge(local.failure_ratio, {
          sign      = "good invocations, bad images: the saved query ${var.name}/failures-by-reason names reasons and examples."
          threshold = var.thresholds.failed_critical_percent
          meaning   = "${var.thresholds.failed_critical_percent} % or more of the images of the last 15 minutes failed for good: the catalog has the reason of each, and they are not tried again."
        })
      }
    }

    messages-at-risk = {
      meaning = "Uploads are about to be forgotten, or have been given up, and nobody mends it by waiting. The reason of this message names the alarm that went off first."
      alarms = merge({
        oldest-message-critical = merge(local.oldest_message, {
          sign      = "SQS will delete messages that are too old: raise the concurrency of their queue, or retention.queue_days to gain time."
          threshold = local.retention_seconds * var.thresholds.oldest_critical_percent / 100
          meaning   = "The oldest message of ${var.queue.name} or ${var.backfill.name} has waited for ${var.thresholds.oldest_critical_percent} % of the ${var.queue.retention_days} days after which SQS deletes it, and its image would never have thumbnails."
        })

        dead-letters-critical = merge(local.dead_letters, {
          sign      = "many messages in ${var.dlq.name}: mend the cause, then redrive them: thumbctl dlq redrive."
          threshold = var.thresholds.dead_letters_critical
          meaning   = "${var.thresholds.dead_letters_critical} or more messages failed until they were given up: their images have no thumbnails, or old ones."
        })
        }, {
        for key, publisher in var.publishers : "${key}-late-critical" => merge(local.announced_late[key], {
          sign      = "what became of images does not reach ${publisher.what}: ${publisher.log_group_name} names the call that fails."
          threshold = publisher.record_age_hours * 60 / 2
          meaning   = "What became of images is ${publisher.record_age_hours / 2} hours late on ${publisher.what}. After ${publisher.record_age_hours} hours it is parked, and has to be sent again by hand."
        })
      })
    }
  }

  # What can be decided about an image. Returned and HandedBack are none of it: the message comes back.
  outcomes = ["Ready", "Failed", "Deleted", "Stale", "Duplicate", "Ignored", "Kept"]

  criticals = flatten([for page in local.pages : keys(page.alarms)])

  page_descriptions = {
    for name, page in local.pages : name => join("\n", concat(
      [page.meaning],
      [for alarm, definition in page.alarms : "- ${alarm}: ${definition.sign}"],
      ["Runbook: ${var.runbook_url}#${name}"],
    ))
  }
  page_rules = {
    for name, page in local.pages : name => join(" OR ", [
      for alarm in keys(page.alarms) : "ALARM(\"${aws_cloudwatch_metric_alarm.this[alarm].alarm_name}\")"
    ])
  }
}

resource "aws_cloudwatch_composite_alarm" "pipeline_failing" {
  alarm_name        = "${var.name}-pipeline-failing"
  alarm_description = local.page_descriptions["pipeline-failing"]
  alarm_rule        = local.page_rules["pipeline-failing"]
  alarm_actions     = [var.topics["critical"].arn]
  ok_actions        = [var.topics["critical"].arn]
  tags              = var.tags
}

resource "aws_cloudwatch_composite_alarm" "messages_at_risk" {
  alarm_name        = "${var.name}-messages-at-risk"
  alarm_description = local.page_descriptions["messages-at-risk"]
  alarm_rule        = local.page_rules["messages-at-risk"]
  alarm_actions     = [var.topics["critical"].arn]
  ok_actions        = [var.topics["critical"].arn]
  tags              = var.tags

  # A pipeline that fails makes dead letters after a while. Who has been woken for the one need not be woken for the
  # other; what is left a quarter of an hour after the pipeline recovered is news again.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html
  actions_suppressor {
    alarm            = aws_cloudwatch_composite_alarm.pipeline_failing.alarm_name
    wait_period      = 120
    extension_period = 900
  }
}

locals {
  page_resources = [aws_cloudwatch_composite_alarm.pipeline_failing, aws_cloudwatch_composite_alarm.messages_at_risk]
}
