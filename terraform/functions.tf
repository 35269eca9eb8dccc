# What the functions have in common: the layer that they import from, and what each is given.

locals {
  functions = concat(["thumbnailer"], var.reconcile == null ? [] : ["reconciler"])

  archives = { for part in ["thumbnailer", "reconciler", "layer"] : part => "${var.archives.folder}/${part}.zip" }

  function_basics = {
    for function in local.functions : function => {
      name = local.names[function]
      package = {
        archive      = local.archives[function]
        runtime      = var.runtime
        architecture = var.architecture
        layer_arns   = [aws_lambda_layer_version.imaging.arn]
      }
      logs = {
        group_name     = local.log_group_names[function]
        retention_days = var.retention.log_days
        kms_key_arn    = module.encryption.log_key_arn
      }
      environment              = var.function_environment
      vpc                      = var.vpc
      permissions_boundary_arn = var.permissions_boundary_arn
    }
  }

  log_group_names = { for function in local.functions : function => local.names["${function}_logs"] }
  log_group_arns = {
    for function, name in local.log_group_names :
    function => "arn:${local.aws.partition}:logs:${local.aws.region}:${local.aws.account_id}:log-group:${name}"
  }

  # Where a function reads from and writes to.
  uploads = {
    bucket_arn  = module.ingest.bucket_arn
    bucket_name = module.ingest.bucket_name
    prefix      = var.source_prefix
  }
  thumbnails = {
    bucket_arn  = coalesce(one(values(module.thumbnails_bucket)[*].arn), local.thumbnails_bucket_arn)
    bucket_name = coalesce(one(values(module.thumbnails_bucket)[*].name), local.thumbnails_bucket_name)
  }
  catalog = {
    table_arn  = module.catalog.table_arn
    table_name = module.catalog.table_name
  }
}

resource "aws_lambda_layer_version" "imaging" {
  layer_name               = local.names["layer"]
  description              = "Image libraries for ${var.runtime} on ${var.architecture}"
  filename                 = local.archives["layer"]
  source_code_hash         = fileexists(local.archives["layer"]) ? filebase64sha256(local.archives["layer"]) : null
  compatible_runtimes      = [var.runtime]
  compatible_architectures = [var.architecture]

  lifecycle {
    # The functions go from one version to the next without a moment in which they have none.
    create_before_destroy = true

    # See modules/function.
    precondition {
      condition     = fileexists(local.archives["layer"])
      error_message = "There is no ${local.archives["layer"]}: build the archives before planning."
    }
  }
}
