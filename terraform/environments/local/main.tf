# The whole pipeline on one machine, against an emulator of AWS. Whatever is not like in production is a variable in
# this directory, and says why.

provider "aws" {
  region     = var.region
  access_key = "test" # what the emulator takes for the account's root
  secret_key = "test"

  # There is no account behind the emulator to look up, and no instance to ask for credentials.
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  max_retries                 = 3

  # Bucket names are not host names on a loopback address.
  s3_use_path_style = true

  endpoints {
    cloudwatch = var.endpoint_url
    dynamodb   = var.endpoint_url
    events     = var.endpoint_url
    iam        = var.endpoint_url
    kms        = var.endpoint_url
    lambda     = var.endpoint_url
    logs       = var.endpoint_url
    s3         = var.endpoint_url
    scheduler  = var.endpoint_url
    sns        = var.endpoint_url
    sqs        = var.endpoint_url
    ssm        = var.endpoint_url
    sts        = var.endpoint_url
  }
}

module "pipeline" {
  source = "../.."

  name                   = var.name
  function_archive       = var.function_archive
  layer_archive          = var.layer_archive
  runtime                = var.runtime
  architecture           = var.architecture
  renditions             = var.renditions
  limits                 = var.limits
  animation              = var.animation
  truncated              = var.truncated
  source_prefix          = var.source_prefix
  batching               = var.batching
  parallelism            = var.parallelism
  memory_mb              = var.memory_mb
  timeout_seconds        = var.timeout_seconds
  propagate_deletions    = var.propagate_deletions
  cache_control          = var.cache_control
  maximum_concurrency    = var.maximum_concurrency
  backfill               = var.backfill
  reserved_concurrency   = var.reserved_concurrency
  reconcile              = var.reconcile
  max_receive_count      = var.max_receive_count
  retry_first_seconds    = var.retry_first_seconds
  retention              = var.retention
  alert_subscriptions    = var.alert_subscriptions
  alarm_thresholds       = var.alarm_thresholds
  saved_searches         = var.saved_searches
  digest_window_seconds  = var.digest_window_seconds
  runbook_url            = var.runbook_url
  debug_sample_rate      = var.debug_sample_rate
  log_level              = var.log_level
  deletion_protection    = var.deletion_protection
  plaintext_source_cidrs = var.plaintext_source_cidrs

  function_environment = merge(
    {
      AWS_ENDPOINT_URL        = var.endpoint_url
      AWS_XRAY_DAEMON_ADDRESS = var.xray_daemon_address
    },
    var.function_environment,
  )
}
