# Bulk jobs that run in the account: the function that works on ranges of keys, the queue that wakes it up, and the table of
# what is asked and how far it is. At rest, the polling of an empty queue costs cents.

locals {
  timeout_seconds = 60

  # A range whose worker was killed is taken up again after so long: nobody else may have it before the invocation must be
  # over. AWS advises six times the timeout for functions that are throttled, whose messages would otherwise come back
  # while they wait; here such a message finds the range's row, and waits.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  visibility_timeout_seconds = 90

  is_scheduled = try(var.reconcile.schedule, null) != null

  ranges_arn = "arn:${var.aws.partition}:sqs:${var.aws.region}:${var.aws.account_id}:${var.names.ranges_queue}"
}

module "function" {
  source = "../function"

  name        = var.function.name
  role_name   = var.function.role_name
  description = "Works on bulk jobs, a range of keys at a time"
  handler     = "range_worker.handler.handler"
  aws         = var.aws
  package     = var.function.package

  # None is reserved: the mapping bounds how many run at a time. A whole processor, for reading what AWS answers is most of
  # the work: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
  sizing = { memory_mb = 1769, timeout_seconds = local.timeout_seconds }

  environment = merge({
    SETTINGS          = var.settings
    SOURCE_BUCKET     = var.uploads.bucket_name
    SOURCE_PREFIX     = var.uploads.prefix
    THUMBNAILS_BUCKET = var.thumbnails.bucket_name
    JOBS_TABLE        = aws_dynamodb_table.jobs.name
    CATALOG_TABLE     = var.catalog.table_name
    RANGES_AT_A_TIME  = tostring(var.ranges_at_a_time)
    TIMEOUT_SECONDS   = tostring(local.timeout_seconds)
    METRICS_FUNCTION  = var.metrics_function # a reconciliation says how complete the work of this function is

    PROPAGATE_DELETIONS = tostring(var.propagate_deletions)
    }, local.is_scheduled ? {
    RECONCILE_DOLLARS = tostring(var.reconcile.dollars)
    RECONCILE_REPAIRS = tostring(var.reconcile.repair)
  } : {}, var.function.environment)
  references = {
    RANGES_QUEUE_URL   = aws_sqs_queue.ranges.url
    BACKFILL_QUEUE_URL = var.backfill.queue_url
    DLQ_URL            = var.dead_letters.queue_url
    BACKFILL_MAPPING   = var.backfill.mapping_uuid
  }

  capabilities = { for name, statements in local.capabilities : name => jsonencode(statements) if length(statements) > 0 }
  logs         = var.function.logs
  vpc          = var.function.vpc
  tags         = var.tags

  permissions_boundary_arn = var.function.permissions_boundary_arn
}

# A range that is divided has a message for its new half sent to the queue that feeds the function. It can be divided eight
# times, no more, and each message comes back until its range is done. After about sixteen rounds, Lambda would take that
# for a loop that nobody wanted, and drop the message.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
resource "aws_lambda_function_recursion_config" "this" {
  function_name  = module.function.name
  recursive_loop = "Allow"
}

resource "aws_lambda_event_source_mapping" "ranges" {
  event_source_arn = aws_sqs_queue.ranges.arn
  function_name    = module.function.target_arn
  tags             = var.tags

  # One message is one turn of most of a minute.
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  scaling_config {
    maximum_concurrency = var.ranges_at_a_time
  }

  # Lambda refuses the mapping unless the role may read the queue.
  depends_on = [module.function]
}

# Messages have no dead letters: each comes back after every turn, far more often than a queue counts. How often a range
# is begun in vain is in its row, and stops its job.
resource "aws_sqs_queue" "ranges" {
  name              = var.names.ranges_queue
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags

  visibility_timeout_seconds = local.visibility_timeout_seconds
  message_retention_seconds  = 14 * 24 * 60 * 60 # the most that there is; older messages are sent anew after a week
  receive_wait_time_seconds  = 20

  # No service sends here. Whoever may is allowed to by a policy of their own.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyWithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = local.ranges_arn
      Condition = var.without_tls
    }]
  })
}

resource "aws_dynamodb_table" "jobs" {
  #checkov:skip=CKV_AWS_28:A job that is lost is begun anew, and finds what it has done; restored, it would look at it again.
  name         = var.names.jobs_table
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "job"
  range_key    = "what"

  attribute {
    name = "job"
    type = "S"
  }

  attribute {
    name = "what"
    type = "S"
  }

  # Of what is over for thirty days.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}
