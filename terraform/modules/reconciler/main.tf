# A look, now and then, whether every source object has its thumbnails: a function that only reads, and remembers how far
# it got.

# Where a pass has got to, and what it has counted so far.
resource "aws_ssm_parameter" "cursor" {
  #checkov:skip=CKV2_AWS_34:Keys and counts, which the listings of the bucket show as well; there is nothing to encrypt.
  name        = var.names.cursor_parameter
  description = "How far ${var.function.name} has got."
  type        = "String"
  tags        = var.tags

  insecure_value = "{}" # a new pass

  lifecycle {
    ignore_changes = [insecure_value] # the function's from then on
  }
}

module "function" {
  source = "../function"

  name        = var.function.name
  role_name   = var.function.role_name
  description = "Checks that every source object has its thumbnails"
  handler     = "reconciler.handler.handler"
  aws         = var.aws
  package     = var.function.package

  # The longest that Lambda runs: a pass that takes longer goes on where it stopped, at the next time of the schedule.
  # None is reserved, which an account with a low quota could not do: of two runs at a time, which the schedule does not
  # make, each writes a place and the counts up to it, so the worst is that something is looked at twice.
  sizing = { memory_mb = 512, timeout_seconds = 900 }

  environment = merge({
    SETTINGS          = var.settings
    SOURCE_BUCKET     = var.uploads.bucket_name
    SOURCE_PREFIX     = var.uploads.prefix
    THUMBNAILS_BUCKET = var.thumbnails.bucket_name
    CATALOG_TABLE     = var.catalog.table_name
    CURSOR_PARAMETER  = aws_ssm_parameter.cursor.name
    METRICS_FUNCTION  = var.metrics_function # a pass says how complete the work of this function is

    PROPAGATE_DELETIONS = tostring(var.propagate_deletions)
  }, var.function.environment)

  capabilities = { for name, statements in local.capabilities : name => jsonencode(statements) }
  logs         = var.function.logs
  vpc          = var.function.vpc
  tags         = var.tags

  permissions_boundary_arn = var.function.permissions_boundary_arn
}

# A run that fails, or finds another one running, is not tried again: the next time of the schedule does as well.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = module.function.name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60 # the least that there is
}
