# From an upload to a message: the bucket, what it reports, and the queues that the function works off.

module "bucket" {
  source = "../bucket"

  name          = var.bucket_name
  partition     = var.aws.partition
  kms_key_arn   = var.kms_key_arn
  without_tls   = var.without_tls
  force_destroy = var.force_destroy
  tags          = var.tags

  noncurrent_days        = var.retention.noncurrent_days
  incomplete_upload_days = var.retention.incomplete_upload_days
}

# A bucket has one notification configuration, and whoever writes it owns it: a second resource of this kind, here or
# in another configuration, would silently replace this one.
resource "aws_s3_bucket_notification" "uploads" {
  bucket = module.bucket.name

  queue {
    id        = "work"
    queue_arn = aws_sqs_queue.work.arn
    # No suffix: it would be case-sensitive and miss photo.JPG. What a file is, the function sees in its first bytes.
    filter_prefix = var.source_prefix == "" ? null : var.source_prefix
    # Everything that makes or unmakes an object, lifecycle expiry included, which is an event family of its own.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
  }

  # S3 sends a test message at once, and refuses the configuration when the queue or its key turns it away.
  depends_on = [var.granted_kms_key_arn]
}
