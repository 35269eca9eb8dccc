# A look, now and then, whether every source object has its thumbnails: a second function from the same archive, which
# reads only, and remembers how far it got.

locals {
  # The longest that Lambda runs. A pass that takes longer goes on where it stopped, at the next time of the schedule.
  timeout_seconds = 900
}

# Where a pass has got to, and what it has counted so far.
resource "aws_ssm_parameter" "cursor" {
  #checkov:skip=CKV2_AWS_34:Keys and counts, which the listings of the bucket show as well; there is nothing to encrypt.
  name        = var.names.cursor_parameter
  description = "How far ${var.names.function} has got."
  type        = "String"
  tags        = var.tags

  insecure_value = "{}" # a new pass

  lifecycle {
    ignore_changes = [insecure_value] # the function's from then on
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:The deployer decides, with retention.log_days, up to ten years; the default is short, since logs name the keys of uploads.
  name              = var.logs.group_name
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:One invocation at a time, which logs what it did and how long it took: there is nothing to trace.
  #checkov:skip=CKV_AWS_116:A run that failed is made up for by the next one, which begins where the last good one stopped.
  #checkov:skip=CKV_AWS_117:The deployer decides, with vpc. By default it has no way into a private network; a VPC would limit what it can send out, for the price of an endpoint for each service.
  #checkov:skip=CKV_AWS_173:Names and settings, none of them secret; Lambda's own key encrypts them at rest.
  #checkov:skip=CKV_AWS_272:Signing profiles are the account's. Anybody can build the same archive again, byte for byte, and compare its hash.
  function_name    = var.names.function
  description      = "Checks that every source object has its thumbnails"
  role             = aws_iam_role.this.arn
  handler          = "reconciler.handler.handler"
  runtime          = var.package.runtime
  architectures    = [var.package.architecture]
  filename         = var.package.function_archive
  source_code_hash = filebase64sha256(var.package.function_archive)
  layers           = [var.layer_arn]
  memory_size      = 512
  timeout          = local.timeout_seconds
  tags             = var.tags

  # Two at a time would each move the other's cursor.
  reserved_concurrent_executions = 1

  environment {
    variables = merge({
      SETTINGS          = var.settings
      SOURCE_BUCKET     = var.uploads.bucket_name
      SOURCE_PREFIX     = var.uploads.prefix
      THUMBNAILS_BUCKET = var.thumbnails.bucket_name
      CATALOG_TABLE     = var.catalog.table_name
      CURSOR_PARAMETER  = aws_ssm_parameter.cursor.name
      METRICS_FUNCTION  = var.metrics_function # a pass says how complete the work of this function is

      PROPAGATE_DELETIONS = tostring(var.propagate_deletions)
    }, var.environment)
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

  # Lambda refuses a VPC to a role that may not make interfaces in it.
  depends_on = [aws_iam_role_policy.network]
}

# A run that fails, or finds another one running, is not tried again: the next time of the schedule does as well.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60 # the least that there is
}
