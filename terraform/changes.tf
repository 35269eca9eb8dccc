# The change stream for analytics: who reads what became of images, without asking the catalog.

locals {
  has_archive = try(var.changes.archive != null, false)

  # Named here because the key's policy names it before it is there.
  archive_log_group_arns = [
    for name in [local.names["archive_logs"]] :
    "arn:${local.aws.partition}:logs:${local.aws.region}:${local.aws.account_id}:log-group:${name}" if local.has_archive
  ]

  change_stream = one([for changes in module.changes : changes.stream])
  archive       = one([for changes in module.changes : changes.archive])
}

module "changes" {
  source   = "./modules/changes"
  for_each = { for choice in [var.changes] : "on" => choice if choice != null }

  name = var.name
  names = {
    stream    = local.names["change_stream"]
    delivery  = local.names["archive"]
    role      = local.names["archive_role"]
    bucket    = local.names["archive_bucket"]
    database  = local.names["archive_database"]
    workgroup = local.names["archive_workgroup"]
  }
  aws             = local.aws
  stream          = each.value.stream
  shards          = each.value.capacity.shards
  retention_hours = each.value.retention_hours
  archive         = each.value.archive
  kms_key_arn     = module.encryption.key_arn
  logs = {
    group_name     = local.names["archive_logs"]
    retention_days = var.retention.log_days
    kms_key_arn    = module.encryption.log_key_arn
  }
  without_tls              = local.without_tls
  permissions_boundary_arn = var.permissions_boundary_arn
  force_destroy            = !var.deletion_protection
  tags                     = var.tags
}
