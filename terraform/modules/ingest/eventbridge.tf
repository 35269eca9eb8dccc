# From a bucket of which nothing may be touched: its owner has S3 tell EventBridge of everything, and a rule picks out
# what concerns us.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html

locals {
  through_eventbridge = toset(var.bucket.mode == "eventbridge" ? ["on"] : [])
}

resource "aws_cloudwatch_event_rule" "uploads" {
  for_each = local.through_eventbridge

  name        = var.names.rule
  description = "What is made or unmade in ${var.bucket.name}, for the queue ${var.names.work}."
  tags        = var.tags

  # Lifecycle expiry is a deletion here, with a reason of its own.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
  event_pattern = jsonencode({
    source      = ["aws.s3"]
    account     = [var.bucket.account_id] # a bus takes events of other accounts, if its policy lets them
    detail-type = concat(["Object Created"], var.propagate_deletions ? ["Object Deleted"] : [])
    detail = merge(
      { bucket = { name = [var.bucket.name] } },
      var.source_prefix == "" ? {} : { object = { key = [{ prefix = var.source_prefix }] } },
    )
  })
}

resource "aws_cloudwatch_event_target" "work" {
  for_each = local.through_eventbridge

  rule      = aws_cloudwatch_event_rule.uploads[each.key].name
  target_id = "work"
  arn       = aws_sqs_queue.work.arn

  # EventBridge tries for a day, but not at all where it is refused: then it is a dead letter, which an alarm tells of.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  depends_on = [var.granted_kms_key_arn]
}

# S3 tells the bus of the bucket's own account. Its owner has a rule there that passes events on to ours.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
resource "aws_cloudwatch_event_permission" "owner" {
  for_each = toset(var.bucket.mode == "eventbridge" && var.bucket.owner == "other" ? ["on"] : [])

  statement_id = var.names.rule
  principal    = var.bucket.account_id
}
