# From upload to message: nothing is lost on the way, and nothing else gets in.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  names  = { work = "thumbs-work", backfill = "thumbs-backfill", dead_letters = "thumbs-dead-letters", rule = "thumbs-uploads" }
  aws    = { account_id = "123456789012", partition = "aws", region = "eu-central-1" }
  bucket = { mode = "create", name = "thumbs-uploads", owner = "self", account_id = "123456789012" }
  sender = {
    service = "s3.amazonaws.com"
    condition = {
      ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::thumbs-uploads" }
      StringEquals = { "aws:SourceAccount" = "123456789012" }
    }
  }
  source_prefix            = "photos/"
  kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/k"
  granted_kms_key_arn      = "arn:aws:kms:eu-central-1:123456789012:key/k"
  without_tls              = { Bool = { "aws:SecureTransport" = ["false"] } }
  function_timeout_seconds = 70
  batching_window_seconds  = 7
  max_receive_count        = 5
  retention                = { queue_days = 4, dlq_days = 14, noncurrent_days = 30, incomplete_upload_days = 7 }
}

run "queues" {
  module {
    source = "./modules/ingest"
  }

  # The provider makes up ARNs; these are the ones that AWS would give.
  override_resource {
    target = aws_sqs_queue.work
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-work" }
  }

  override_resource {
    target = aws_sqs_queue.backfill
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-backfill" }
  }

  override_resource {
    target = aws_sqs_queue.dead_letters
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-dead-letters" }
  }

  assert {
    condition     = aws_sqs_queue.work.visibility_timeout_seconds >= 6 * var.function_timeout_seconds + var.batching_window_seconds
    error_message = "A message must stay invisible for six function timeouts and the batching window."
  }

  assert {
    condition     = aws_sqs_queue.work.visibility_timeout_seconds <= 43200
    error_message = "SQS allows a visibility timeout of twelve hours at most."
  }

  assert {
    condition     = aws_sqs_queue.dead_letters.message_retention_seconds > aws_sqs_queue.work.message_retention_seconds
    error_message = "The dead-letter queue must keep messages longer than the work queue."
  }

  assert {
    condition     = aws_sqs_queue.work.message_retention_seconds == 345600 && aws_sqs_queue.dead_letters.message_retention_seconds == 1209600
    error_message = "Four days are 345600 seconds, and fourteen 1209600."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.work.redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead_letters.arn &&
      jsondecode(aws_sqs_queue.work.redrive_policy).maxReceiveCount == 5
    )
    error_message = "The work queue must give up on a message after five receives, and to the dead-letter queue."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.dead_letters.redrive_allow_policy).redrivePermission == "byQueue" &&
      jsondecode(aws_sqs_queue.dead_letters.redrive_allow_policy).sourceQueueArns == [aws_sqs_queue.work.arn, aws_sqs_queue.backfill.arn]
    )
    error_message = "The dead-letter queue must take messages from the work queue and the backfill queue, and from no other."
  }

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.work, aws_sqs_queue.backfill, aws_sqs_queue.dead_letters] : queue.kms_master_key_id == var.kms_key_arn
    ])
    error_message = "All queues must be encrypted with the key."
  }

  assert {
    condition     = aws_sqs_queue.work.max_message_size >= 65536
    error_message = "An event can be 64 KB, and a queue that takes less loses it."
  }

  assert {
    condition = alltrue([
      for attribute in [
        "visibility_timeout_seconds", "message_retention_seconds", "receive_wait_time_seconds", "max_message_size", "redrive_policy",
      ] : aws_sqs_queue.backfill[attribute] == aws_sqs_queue.work[attribute]
    ])
    error_message = "The backfill queue must keep messages, give them out and give up on them as the work queue does."
  }

  assert {
    condition     = aws_sqs_queue.backfill.name == "thumbs-backfill" && jsondecode(aws_sqs_queue.backfill.policy).Statement[*].Effect == ["Deny"]
    error_message = "No service and no other account may send to the backfill queue."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_sqs_queue.work.policy).Statement : statement if statement.Effect == "Allow"
      ] == [{
        Sid       = "UploadsAreSent"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.work.arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::thumbs-uploads" }
          StringEquals = { "aws:SourceAccount" = "123456789012" }
        }
    }]
    error_message = "S3 alone may send, for the uploads bucket of this account."
  }

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.work, aws_sqs_queue.backfill, aws_sqs_queue.dead_letters] : anytrue([
        for statement in jsondecode(queue.policy).Statement :
        statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "sqs:*" &&
        statement.Resource == queue.arn && jsonencode(statement.Condition) == jsonencode(var.without_tls)
      ])
    ])
    error_message = "All queues must deny everything that comes without TLS."
  }
}

run "notification" {
  module {
    source = "./modules/ingest"
  }

  assert {
    condition = (
      length(aws_s3_bucket_notification.uploads["on"].queue) == 1 &&
      aws_s3_bucket_notification.uploads["on"].queue[0].queue_arn == aws_sqs_queue.work.arn &&
      aws_s3_bucket_notification.uploads["on"].bucket == module.bucket["on"].name
    )
    error_message = "The uploads bucket must notify the work queue."
  }

  assert {
    condition = aws_s3_bucket_notification.uploads["on"].queue[0].events == toset([
      "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*",
    ])
    error_message = "What creates an object, what removes it, and what lets it expire must be reported."
  }

  assert {
    condition     = aws_s3_bucket_notification.uploads["on"].queue[0].filter_prefix == "photos/"
    error_message = "Only what is watched must be reported."
  }

  assert {
    condition     = aws_s3_bucket_notification.uploads["on"].queue[0].filter_suffix == null || aws_s3_bucket_notification.uploads["on"].queue[0].filter_suffix == ""
    error_message = "A suffix is case-sensitive and would lose photo.JPG."
  }
}

run "thumbnails_outlive_their_originals" {
  module {
    source = "./modules/ingest"
  }

  variables {
    propagate_deletions = false
  }

  assert {
    condition     = aws_s3_bucket_notification.uploads["on"].queue[0].events == toset(["s3:ObjectCreated:*"])
    error_message = "Of deletions that nobody is to hear of, S3 must not tell."
  }
}

run "thumbnails_outlive_originals_of_others" {
  module {
    source = "./modules/ingest"
  }

  variables {
    bucket              = { mode = "eventbridge", name = "photos", owner = "self", account_id = "123456789012" }
    propagate_deletions = false
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads["on"].event_pattern)["detail-type"] == ["Object Created"]
    error_message = "Of deletions that nobody is to hear of, EventBridge must not tell."
  }
}

run "originals_move_to_another_storage_class" {
  module {
    source = "./modules/ingest"
  }

  variables {
    transition = { days = 90, storage_class = "GLACIER_IR" }
  }

  assert {
    condition     = contains(module.bucket["on"].lifecycle_rules, "move-to-another-storage-class")
    error_message = "Originals must move when they were asked to."
  }
}

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
run "a_prefix_of_every_kind_of_character" {
  command = plan

  module {
    source = "./modules/ingest"
  }

  variables {
    source_prefix = "tenant=acme/My Photos/a+b%c&d@e:f,g;h(i)!'~#|é日/"
  }

  assert {
    condition     = aws_s3_bucket_notification.uploads["on"].queue[0].filter_prefix == "tenant%3Dacme/My+Photos/a%2Bb%25c%26d%40e%3Af%2Cg%3Bh%28i%29%21%27~%23%7C%C3%A9%E6%97%A5/"
    error_message = "S3 takes a filter as it stands in a URL, but for the slashes."
  }
}

run "whole_bucket" {
  command = plan

  module {
    source = "./modules/ingest"
  }

  variables {
    source_prefix = ""
  }

  assert {
    condition     = aws_s3_bucket_notification.uploads["on"].queue[0].filter_prefix == null
    error_message = "Without a prefix there must be no filter."
  }
}

run "nothing_goes_through_eventbridge_unless_asked_to" {
  module {
    source = "./modules/ingest"
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.uploads) == 0 && length(aws_cloudwatch_event_target.work) == 0 && output.rule_name == ""
    error_message = "A bucket that notifies the queue must not be told of twice."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.dead_letters.policy).Statement[*].Effect == ["Deny"]
    error_message = "No service may send to the dead-letter queue."
  }
}

run "a_bucket_that_was_there_before" {
  module {
    source = "./modules/ingest"
  }

  variables {
    bucket = { mode = "existing", name = "their.uploads", owner = "other", account_id = "210987654321" }
  }

  assert {
    condition     = length(module.bucket) == 0 && output.bucket_name == "their.uploads" && output.bucket_arn == "arn:aws:s3:::their.uploads"
    error_message = "No bucket may be made beside the one that was there before."
  }

  assert {
    condition     = aws_s3_bucket_notification.uploads["on"].bucket == "their.uploads" && aws_s3_bucket_notification.uploads["on"].queue[0].filter_prefix == "photos/"
    error_message = "The bucket that was there before must notify the work queue."
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.uploads) == 0
    error_message = "A bucket that notifies the queue must not be told of twice."
  }
}

run "a_bucket_that_is_not_touched" {
  module {
    source = "./modules/ingest"
  }

  override_resource {
    target = aws_sqs_queue.work
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-work" }
  }

  override_resource {
    target = aws_sqs_queue.dead_letters
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-dead-letters" }
  }

  variables {
    bucket = { mode = "eventbridge", name = "their.uploads", owner = "self", account_id = "123456789012" }
    sender = {
      service   = "events.amazonaws.com"
      condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-central-1:123456789012:rule/thumbs-uploads" } }
    }
  }

  assert {
    condition     = length(module.bucket) == 0 && length(aws_s3_bucket_notification.uploads) == 0 && output.bucket_name == "their.uploads"
    error_message = "Nothing of the bucket may be touched."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.uploads["on"].event_pattern) == {
      source      = ["aws.s3"]
      account     = ["123456789012"]
      detail-type = ["Object Created", "Object Deleted"]
      detail      = { bucket = { name = ["their.uploads"] }, object = { key = [{ prefix = "photos/" }] } }
    }
    error_message = "The rule must pick out what is made or unmade below the prefix in the bucket, and nothing else."
  }

  assert {
    condition = (
      aws_cloudwatch_event_target.work["on"].rule == "thumbs-uploads" && output.rule_name == "thumbs-uploads" &&
      aws_cloudwatch_event_target.work["on"].arn == aws_sqs_queue.work.arn &&
      aws_cloudwatch_event_target.work["on"].dead_letter_config[0].arn == aws_sqs_queue.dead_letters.arn &&
      aws_cloudwatch_event_target.work["on"].role_arn == null
    )
    error_message = "Events must go to the work queue, and those that cannot to the dead-letter queue, as the queues' policies allow."
  }

  assert {
    condition = {
      for name, queue in { work = aws_sqs_queue.work, dead_letters = aws_sqs_queue.dead_letters } :
      name => [for statement in jsondecode(queue.policy).Statement : "${statement.Principal.Service} ${statement.Action} ${statement.Resource} ${jsonencode(statement.Condition)}" if statement.Effect == "Allow"]
      } == {
      work         = ["events.amazonaws.com sqs:SendMessage ${aws_sqs_queue.work.arn} ${jsonencode(var.sender.condition)}"]
      dead_letters = ["events.amazonaws.com sqs:SendMessage ${aws_sqs_queue.dead_letters.arn} ${jsonencode(var.sender.condition)}"]
    }
    error_message = "The rule alone may send, to the work queue and to the dead-letter queue."
  }

  assert {
    condition     = length(aws_cloudwatch_event_permission.owner) == 0
    error_message = "The event bus needs no permission for events of its own account."
  }
}

run "the_whole_of_a_bucket_of_another_account" {
  module {
    source = "./modules/ingest"
  }

  variables {
    source_prefix = ""
    bucket        = { mode = "eventbridge", name = "their-uploads", owner = "other", account_id = "210987654321" }
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads["on"].event_pattern).detail == { bucket = { name = ["their-uploads"] } }
    error_message = "Without a prefix, the whole bucket must be watched."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.uploads["on"].event_pattern).account == ["210987654321"] && aws_cloudwatch_event_permission.owner["on"].principal == "210987654321"
    error_message = "The owner's account must be let to pass its events on, and be the only one that is listened to."
  }
}
