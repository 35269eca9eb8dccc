# From an upload to a message: the bucket, what it reports, and the queues that the function works off. Through
# EventBridge it reports elsewhere; see eventbridge.tf.

module "bucket" {
  source   = "../bucket"
  for_each = toset(var.bucket.mode == "create" ? ["on"] : [])

  name          = var.bucket.name
  partition     = var.aws.partition
  kms_key_arn   = var.kms_key_arn
  without_tls   = var.without_tls
  force_destroy = var.force_destroy
  tags          = var.tags

  noncurrent_days        = var.retention.noncurrent_days
  incomplete_upload_days = var.retention.incomplete_upload_days
  transition             = var.transition
  further_statements     = var.further_statements
  cors                   = var.cors
}

# A bucket has one notification configuration, and whoever writes it owns it: a second resource of this kind, here or
# in another configuration, would silently replace this one. Of a bucket that was there before, this one replaces
# whatever it notified.
resource "aws_s3_bucket_notification" "uploads" {
  for_each = toset(var.bucket.mode == "eventbridge" ? [] : ["on"])

  bucket = local.bucket_name

  queue {
    id        = "work"
    queue_arn = aws_sqs_queue.work.arn
    # No suffix: it would be case-sensitive and miss photo.JPG. What a file is, the function sees in its first bytes.
    # The prefix is taken as it stands in a URL, by IAM and EventBridge as it stands in the key.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    filter_prefix = var.source_prefix == "" ? null : replace(urlencode(var.source_prefix), "%2F", "/")
    # Everything that makes an object and, unless thumbnails are to stay, that unmakes it, lifecycle expiry included,
    # which is an event family of its own.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
    events = concat(
      ["s3:ObjectCreated:*"],
      var.propagate_deletions ? ["s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"] : [],
    )
  }

  # S3 sends a test message at once, and refuses the configuration when the queue or its key turns it away.
  depends_on = [var.granted_kms_key_arn]
}
