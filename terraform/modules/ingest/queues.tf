# The queues: who may send to them, how long they keep a message, and how often one is tried. Who may read them is in the
# policies of those who do: the function's in modules/thumbnailer/iam.tf, operators' in modules/operator.

locals {
  bucket_name = try(module.bucket["on"].name, var.bucket.name) # once it is there, with or without its policy
  bucket_arn  = "arn:${var.aws.partition}:s3:::${local.bucket_name}"

  let_sender_send = {
    Effect    = "Allow"
    Principal = { Service = var.sender.service }
    Action    = "sqs:SendMessage"
    Condition = var.sender.condition
  }

  # Policies are inline, and name their own queue by an ARN put together here: as resources of their own they would
  # each cost another half minute, for the provider lets every change to a queue settle that long.
  work_arn     = "arn:${var.aws.partition}:sqs:${var.aws.region}:${var.aws.account_id}:${var.names.work}"
  backfill_arn = "arn:${var.aws.partition}:sqs:${var.aws.region}:${var.aws.account_id}:${var.names.backfill}"
  dead_arn     = "arn:${var.aws.partition}:sqs:${var.aws.region}:${var.aws.account_id}:${var.names.dead_letters}"

  # A message must not come back while the function may still be busy with it, throttled retries included.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  visibility_timeout_seconds = 6 * var.function_timeout_seconds + var.batching_window_seconds

  day = 24 * 60 * 60
}

resource "aws_sqs_queue" "work" {
  name              = var.names.work
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags

  visibility_timeout_seconds = local.visibility_timeout_seconds
  message_retention_seconds  = var.retention.queue_days * local.day
  receive_wait_time_seconds  = 20 # long polling, for whoever looks into the queue by hand

  # An event can be 64 KB: a queue that takes less loses it.
  max_message_size = 256 * 1024

  # SQS refuses a queue whose dead-letter queue does not exist yet, hence the reference to the resource.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receive_count
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      merge(local.let_sender_send, { Sid = "UploadsAreSent", Resource = local.work_arn }),
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.work_arn
        Condition = var.without_tls
      },
    ]
  })
}

# What operators send: messages about sources that have been there for long. In a queue of its own, an upload of this
# minute does not wait behind a million of them.
resource "aws_sqs_queue" "backfill" {
  name              = var.names.backfill
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags

  visibility_timeout_seconds = local.visibility_timeout_seconds
  message_retention_seconds  = var.retention.queue_days * local.day
  receive_wait_time_seconds  = 20
  max_message_size           = 256 * 1024

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receive_count
  })

  # No service sends here. Whoever may is allowed to by a policy of their own.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyWithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = local.backfill_arn
      Condition = var.without_tls
    }]
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name              = var.names.dead_letters
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags

  # A dead letter's age counts from when it was first sent: with the other queues' retention, a message that came late
  # to the dead-letter queue would vanish from it soon after.
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
  message_retention_seconds = var.retention.dlq_days * local.day
  receive_wait_time_seconds = 20
  max_message_size          = 256 * 1024

  # An operator who looks at dead letters needs a while to decide on them.
  visibility_timeout_seconds = 60

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.work_arn, local.backfill_arn]
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      # What EventBridge could not deliver.
      [for on in local.through_eventbridge : merge(local.let_sender_send, { Sid = "UndeliveredUploadsAreSent", Resource = local.dead_arn })],
      [{
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.dead_arn
        Condition = var.without_tls
      }],
    )
  })
}
