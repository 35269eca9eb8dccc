# A Lambda function, the role that it runs as and the group that it logs to: what every function of the pipeline has.
# What feeds a function, and what else belongs to it alone, is in the module that calls this one.

locals {
  # A file that is gone has none: what was made of it is still there to be looked at and destroyed.
  sha256 = try(filebase64sha256(var.package.archive.file), var.package.archive.object.sha256, null)

  # 4 KB, as the JSON that Lambda is sent: with its escapes, and in bytes, of which base64 makes four of each three. A
  # reference is not known before the first apply; 256 characters is the longest name that SNS allows, and leaves room for
  # the rest of the ARN of the short names we give.
  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
  environment_bytes_allowed = 4096
  environment_base64        = base64encode(jsonencode(merge(var.environment, { for name in keys(var.references) : name => format("%256s", "") })))
  environment_bytes         = length(local.environment_base64) / 4 * 3 - length(regexall("=", local.environment_base64))
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:The caller decides, with tracing; tests of the module see that what works on uploads is traced.
  #checkov:skip=CKV_AWS_116:What invokes a function takes care of what fails: a queue has a dead-letter queue, a schedule its next time. Lambda's own is for asynchronous invocations.
  #checkov:skip=CKV_AWS_117:The deployer decides, with vpc. By default it has no way into a private network; a VPC would limit what it can send out, for the price of an endpoint for each service.
  #checkov:skip=CKV_AWS_173:Names and settings, none of them secret; Lambda's own key encrypts them at rest.
  #checkov:skip=CKV_AWS_272:Signing profiles are the account's. Anybody can build the same archive again, byte for byte, and compare its hash with that of what runs.
  function_name     = var.name
  description       = var.description
  role              = aws_iam_role.this.arn
  handler           = var.handler
  runtime           = var.package.runtime
  architectures     = [var.package.architecture]
  filename          = var.package.archive.file
  s3_bucket         = try(var.package.archive.object.bucket, null)
  s3_key            = try(var.package.archive.object.key, null)
  s3_object_version = try(var.package.archive.object.version, null)
  source_code_hash  = local.sha256
  layers            = var.package.layer_arns
  memory_size       = var.sizing.memory_mb
  timeout           = var.sizing.timeout_seconds
  tags              = var.tags

  # -1 is Lambda's word for unreserved.
  reserved_concurrent_executions = coalesce(var.sizing.reserved_concurrency, -1)

  environment {
    variables = merge(var.environment, var.references)
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
    for_each = var.vpc[*]

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

  dynamic "tracing_config" {
    for_each = var.tracing[*]

    content {
      mode = tracing_config.value
    }
  }

  # Lambda refuses a VPC to a role that may not make interfaces in it.
  depends_on = [aws_iam_role_policy.network]

  lifecycle {
    # Asked here and not of the input, so that what was deployed can be destroyed where no archive was built.
    precondition {
      condition     = var.package.archive.file == null || try(fileexists(var.package.archive.file), false)
      error_message = "There is no ${coalesce(var.package.archive.file, "archive")}: build the archives before planning."
    }

    precondition {
      condition     = local.environment_bytes <= local.environment_bytes_allowed
      error_message = "The function's environment would need ${local.environment_bytes} of the ${local.environment_bytes_allowed} bytes that Lambda allows: use fewer renditions or shorter values in function_environment."
    }
  }
}

# Made before the function is, so that retention and encryption hold from its first line on; the function itself may
# not make log groups. The name is given, because the key's policy needs it before the group exists.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:The deployer decides, with retention.log_days, up to ten years; the default is short, since logs name the keys of uploads.
  name              = var.logs.group_name
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.logs.kms_key_arn
  tags              = var.tags
}
