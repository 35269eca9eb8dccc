provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Application = "thumbnail-pipeline"
      Deployment  = var.name
      ManagedBy   = "terraform"
    }
  }
}

module "pipeline" {
  source = "../.."

  name                  = var.name
  function_archive      = var.function_archive
  layer_archive         = var.layer_archive
  alert_subscriptions   = var.alert_subscriptions
  chat_channels         = var.chat_channels
  alarm_thresholds      = var.alarm_thresholds
  runbook_url           = var.runbook_url
  digest_window_seconds = var.digest_window_seconds

  renditions           = var.renditions
  source_prefix        = var.source_prefix
  uploads_bucket       = var.uploads_bucket
  thumbnails_bucket    = var.thumbnails_bucket
  distribution_arns    = var.distribution_arns
  uploads_transition   = var.uploads_transition
  propagate_deletions  = var.propagate_deletions
  cache_control        = var.cache_control
  cors                 = var.cors
  cdn                  = var.cdn
  memory_mb            = var.memory_mb
  timeout_seconds      = var.timeout_seconds
  batching             = var.batching
  snap_start           = var.snap_start
  parallelism          = var.parallelism
  maximum_concurrency  = var.maximum_concurrency
  pollers              = var.pollers
  backfill             = var.backfill
  reserved_concurrency = var.reserved_concurrency
  reconcile            = var.reconcile
  retention            = var.retention
  tracing              = var.tracing
  log_level            = var.log_level
  debug_sample_rate    = var.debug_sample_rate
  deletion_protection  = var.deletion_protection

  kms_key_arn              = var.kms_key_arn
  log_kms_key_arn          = var.log_kms_key_arn
  alert_topics             = var.alert_topics
  permissions_boundary_arn = var.permissions_boundary_arn
  vpc                      = var.vpc
}
