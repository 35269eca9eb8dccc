# The function, the layer it imports, and what feeds it.

locals {
  # 4 KB for names and values together. The topic's ARN is not known before the first apply; 256 characters is the
  # longest name that SNS allows, and leaves room for the rest of the ARN of the short names we give.
  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
  environment_bytes_allowed = 4096
  environment_bytes = 256 + sum([
    for key, value in merge(local.environment, { ALERTS_TOPIC_ARN = "" }) : length(key) + length(value)
  ])

  environment = merge({
    SETTINGS            = jsonencode(var.settings)
    SOURCE_PREFIX       = var.uploads.prefix
    SOURCE_BUCKET       = var.uploads.bucket_name
    THUMBNAILS_BUCKET   = var.thumbnails.bucket_name
    CATALOG_TABLE       = var.catalog.table_name
    ALERTS_TOPIC_ARN    = var.alerts_topic_arn
    TOMBSTONE_DAYS      = tostring(var.tombstone_days)
    TIMEOUT_SECONDS     = tostring(var.sizing.timeout_seconds)
    RETRY_FIRST_SECONDS = tostring(var.retry_first_seconds)
    LOG_LEVEL           = var.logs.level
    PROPAGATE_DELETIONS = tostring(var.propagate_deletions)
    CACHE_CONTROL       = var.cache_control

    DIGESTS_TABLE         = var.digests.table_name
    DIGEST_WINDOW_SECONDS = tostring(var.digests.window_seconds)
    RUNBOOK_URL           = var.runbook_url
    DEBUG_SAMPLE_RATE     = tostring(var.logs.debug_sample_rate)
  }, local.parallelism, var.environment)

  parallelism = {
    for name, number in {
      IMAGES_AT_ONCE  = var.parallelism.images
      RENDERS_AT_ONCE = var.parallelism.renders
      WRITES_AT_ONCE  = var.parallelism.writes
    } : name => tostring(number) if number != null
  }
}

resource "aws_lambda_layer_version" "imaging" {
  layer_name               = var.names.layer
  description              = "Image libraries for ${var.package.runtime} on ${var.package.architecture}"
  filename                 = var.package.layer_archive
  source_code_hash         = filebase64sha256(var.package.layer_archive)
  compatible_runtimes      = [var.package.runtime]
  compatible_architectures = [var.package.architecture]

  lifecycle {
    # The function goes from one version to the next without a moment in which it has none.
    create_before_destroy = true
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Traces are on by default, which the check does not see in a field of tracing; a test of the module does.
  #checkov:skip=CKV_AWS_116:Only queues invoke it, and their dead-letter queue takes what fails; Lambda's own is for asynchronous invocations.
  #checkov:skip=CKV_AWS_117:The deployer decides, with vpc. By default it has no way into a private network; a VPC would limit what it can send out, for the price of an endpoint for each service.
  #checkov:skip=CKV_AWS_173:Names and settings, none of them secret; Lambda's own key encrypts them at rest.
  #checkov:skip=CKV_AWS_272:Signing profiles are the account's. Anybody can build the same archive again, byte for byte, and thumbctl doctor compares what runs with what was deployed.
  function_name    = var.names.function
  description      = "Renders thumbnails of what arrives in the uploads bucket"
  role             = aws_iam_role.this.arn
  handler          = "thumbnailer.handler.handler"
  runtime          = var.package.runtime
  architectures    = [var.package.architecture]
  filename         = var.package.function_archive
  source_code_hash = filebase64sha256(var.package.function_archive)
  layers           = [aws_lambda_layer_version.imaging.arn]
  memory_size      = var.sizing.memory_mb
  timeout          = var.sizing.timeout_seconds
  tags             = var.tags

  # -1 is Lambda's word for unreserved.
  reserved_concurrent_executions = coalesce(var.sizing.reserved_concurrency, -1)

  environment {
    variables = local.environment
  }

  # Snapshots are made of published versions only.
  # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
  publish = var.snap_start

  dynamic "snap_start" {
    for_each = var.snap_start ? ["PublishedVersions"] : []

    content {
      apply_on = snap_start.value
    }
  }

  dynamic "vpc_config" {
    for_each = [for vpc in [var.vpc] : vpc if vpc != null]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  logging_config {
    # Text means: as the function wrote it. It writes JSON, metrics included, and Lambda would wrap that once more.
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = var.tracing
  }

  # Lambda refuses a VPC to a role that may not make interfaces in it.
  depends_on = [aws_iam_role_policy.network]

  lifecycle {
    precondition {
      condition     = local.environment_bytes <= local.environment_bytes_allowed
      error_message = "The function's environment would need ${local.environment_bytes} of the ${local.environment_bytes_allowed} bytes that Lambda allows: use fewer renditions or shorter values in function_environment."
    }
  }
}

# One for each queue, so that each has a share of the function that the other cannot take.
resource "aws_lambda_event_source_mapping" "queue" {
  for_each = var.queues

  event_source_arn = each.value.arn
  function_name    = var.snap_start ? aws_lambda_function.this.qualified_arn : aws_lambda_function.this.arn
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
  depends_on = [aws_iam_role_policy.capability]
}

moved {
  from = aws_lambda_event_source_mapping.work
  to   = aws_lambda_event_source_mapping.queue["work"]
}
