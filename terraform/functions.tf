# What the functions have in common: the layer that they import from, and what each is given.

locals {
  functions = concat(
    ["thumbnailer"], var.reconcile == null ? [] : ["reconciler"], keys(local.publishers), var.api == null ? [] : ["api"],
    local.device_functions, var.jobs == null ? [] : ["range_worker"],
  )

  # A file, or an object in S3.
  archives = {
    for part in concat(local.functions, ["layer"]) : part => {
      file   = var.archives.mode == "folder" ? "${var.archives.folder}/${local.built_as[part]}.zip" : null
      object = var.archives.mode == "s3" ? merge({ bucket = var.archives.s3.bucket }, var.archives.s3[local.built_as[part]]) : null
    }
  }
  built_as   = { for part in concat(local.functions, ["layer"]) : part => contains(keys(local.publishers), part) ? "publisher" : part }
  layer_file = local.archives["layer"].file

  # What a folder of archives tells of itself; nothing, where it was put together by hand.
  kit             = try(jsondecode(file("${var.archives.folder}/archives.json")), null)
  archives_output = local.kit == null ? null : { version = local.kit.version, bytecode = local.kit.bytecode }
  kit_has_others  = local.kit == null ? [] : [for part, archive in local.archives : part if try(filebase64sha256(archive.file), "") != local.kit.sha256[local.built_as[part]]]

  layer_object = local.archives["layer"].object
  layer_arn    = var.archives.layer == "create" ? one(values(aws_lambda_layer_version.imaging)[*].arn) : var.archives.layer_arn

  function_basics = {
    for function in local.functions : function => {
      name      = local.names[function]
      role_name = local.names["role/${function}"]
      package = {
        archive      = local.archives[function]
        runtime      = var.runtime
        architecture = var.architecture
        layer_arns   = [local.layer_arn]
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
    # Once the bucket is there, but without its policy, which may wait for a caller's distribution of it.
    bucket_arn  = try(module.thumbnails_bucket["on"].arn, local.thumbnails_bucket_arn)
    bucket_name = try(module.thumbnails_bucket["on"].name, local.thumbnails_bucket_name)
  }
  catalog = {
    table_arn  = module.catalog.table_arn
    table_name = module.catalog.table_name
  }
}

resource "aws_lambda_layer_version" "imaging" {
  for_each = toset(var.archives.layer == "create" ? ["on"] : [])

  layer_name               = local.names["layer"]
  description              = "Image libraries for ${var.runtime} on ${var.architecture}"
  filename                 = local.layer_file
  s3_bucket                = try(local.layer_object.bucket, null)
  s3_key                   = try(local.layer_object.key, null)
  s3_object_version        = try(local.layer_object.version, null)
  source_code_hash         = try(filebase64sha256(local.layer_file), local.layer_object.sha256, null)
  compatible_runtimes      = [var.runtime]
  compatible_architectures = [var.architecture]

  lifecycle {
    # The functions go from one version to the next without a moment in which they have none.
    create_before_destroy = true

    # See modules/function.
    precondition {
      condition     = local.layer_file == null || try(fileexists(local.layer_file), false)
      error_message = "There is no ${coalesce(local.layer_file, "archive")}: build the archives before planning."
    }
  }
}
