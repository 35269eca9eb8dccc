# A function that announces what changed in the catalog, what it is told, and the mapping from the stream that feeds it.

module "function" {
  source = "../function"

  name        = var.function.name
  role_name   = var.function.role_name
  description = var.description
  handler     = "publisher.handler.handler"
  aws         = var.aws
  package     = var.function.package

  # None is reserved: the shards of the stream bound how many run at a time.
  sizing = { memory_mb = 512, timeout_seconds = local.timeout_seconds }

  environment = merge({
    DESTINATION     = var.destination.name
    DEPLOYMENT      = var.deployment
    TIMEOUT_SECONDS = tostring(local.timeout_seconds)
  }, var.function.environment)
  references   = var.destination.references
  capabilities = { for name, statements in local.capabilities : name => jsonencode(statements) }
  logs         = var.function.logs
  tracing      = var.tracing
  vpc          = var.function.vpc
  tags         = var.tags

  permissions_boundary_arn = var.function.permissions_boundary_arn
}

resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn = var.stream_arn
  function_name    = module.function.target_arn
  tags             = var.tags

  # A stream that has just been switched on has no past, so that nothing of it is announced; while with LATEST, what
  # changes until the mapping begins to read would be lost.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
  starting_position = "TRIM_HORIZON"

  # As soon as there is something; what piles up during an import comes in batches. Each shard is read by so many
  # invocations, and the records of one image by one of them, in their order.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
  batch_size                         = 100
  maximum_batching_window_in_seconds = 0
  parallelization_factor             = 4

  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName = ["INSERT", "MODIFY"]
        dynamodb  = { NewImage = local.announced }
      })
    }
  }

  # The function answers with the first record that it could not announce, and what comes before is done with. Where an
  # invocation dies, halves of its batch are tried, so that what it dies of ends up alone. By default, it would be tried
  # for as long as the stream remembers.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = var.retries.attempts
  maximum_record_age_in_seconds  = var.retries.record_age_hours * 3600

  # A queue or a topic would be told where the records were in the stream, and S3 is given the records.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#dynamodb-on-failure-destinations
  destination_config {
    on_failure {
      destination_arn = var.parked.bucket_arn
    }
  }

  # What is read, dropped and parked is told by no other metric.
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
  metrics_config {
    metrics = ["EventCount"]
  }

  # Lambda refuses the mapping unless the role may read the stream and write to the bucket.
  depends_on = [module.function]
}

locals {
  timeout_seconds = 60

  # Of rows that have been decided: a claim alone has no status. Only leaves can be asked whether they exist.
  # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
  announced = merge(
    { status = { S = [{ exists = true }] } },
    var.backfills ? {} : { backfilled = { BOOL = [{ exists = false }] } },
  )
}
