# The function that renders thumbnails, what it is told, and what feeds it.

locals {
  environment = merge({
    SETTINGS            = jsonencode(var.settings)
    SOURCE_PREFIX       = var.uploads.prefix
    SOURCE_BUCKET       = var.uploads.bucket_name
    THUMBNAILS_BUCKET   = var.thumbnails.bucket_name
    CATALOG_TABLE       = var.catalog.table_name
    TOMBSTONE_DAYS      = tostring(var.tombstone_days)
    TIMEOUT_SECONDS     = tostring(var.sizing.timeout_seconds)
    RETRY_FIRST_SECONDS = tostring(var.retry_first_seconds)
    MAX_RECEIVE_COUNT   = tostring(var.max_receive_count)
    LOG_LEVEL           = var.logging.level
    PROPAGATE_DELETIONS = tostring(var.propagate_deletions)
    CACHE_CONTROL       = var.cache_control

    RETRY_DENIED_SECONDS  = tostring(var.retry_denied_seconds)
    DIGESTS_TABLE         = var.digests.table_name
    DIGEST_WINDOW_SECONDS = tostring(var.digests.window_seconds)
    RUNBOOK_URL           = var.runbook_url
    DEBUG_SAMPLE_RATE     = tostring(var.logging.debug_sample_rate)
  }, local.parallelism, var.function.environment)

  parallelism = {
    for name, number in {
      IMAGES_AT_ONCE  = var.parallelism.images
      RENDERS_AT_ONCE = var.parallelism.renders
      WRITES_AT_ONCE  = var.parallelism.writes
    } : name => tostring(number) if number != null
  }
}

module "function" {
  source = "../function"

  name        = var.function.name
  role_name   = var.function.role_name
  description = "Renders thumbnails of what arrives in the uploads bucket"
  handler     = "thumbnailer.handler.handler"
  aws         = var.aws
  package     = var.function.package
  sizing      = var.sizing
  snap_start  = var.snap_start
  environment = local.environment
  references = {
    ALERTS_TOPIC_ARN = var.alerts_topic_arn
    KEY_IDS          = join(" ", [for arn in concat([var.kms_key_arn], var.other_kms_key_arns) : reverse(split("/", arn))[0]])
  }
  capabilities = { for name, statements in local.capabilities : name => jsonencode(statements) }
  logs         = var.function.logs
  tracing      = var.tracing
  vpc          = var.function.vpc
  tags         = var.tags

  permissions_boundary_arn = var.function.permissions_boundary_arn
}

# One for each queue, so that each has a share of the function that the other cannot take.
resource "aws_lambda_event_source_mapping" "queue" {
  for_each = var.queues

  event_source_arn = each.value.arn
  function_name    = module.function.target_arn
  tags             = var.tags

  batch_size                         = var.batching.size
  maximum_batching_window_in_seconds = var.batching.window_seconds

  # The function answers with the messages that failed; without this, one failure would bring back the whole batch.
  function_response_types = ["ReportBatchItemFailures"]

  # Either limits the pollers. Reserved concurrency alone would throttle them instead, and each throttle uses up one of
  # a message's receives, until healthy messages are dead letters.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  dynamic "scaling_config" {
    for_each = each.value.maximum_concurrency[*]

    content {
      maximum_concurrency = scaling_config.value
    }
  }

  dynamic "provisioned_poller_config" {
    for_each = each.value.pollers[*]

    content {
      minimum_pollers = provisioned_poller_config.value.minimum
      maximum_pollers = provisioned_poller_config.value.maximum
    }
  }

  # Lambda refuses the mapping unless the role may read the queue. The function itself need not wait for its policies:
  # nothing invokes it before a mapping does.
  depends_on = [module.function]
}
