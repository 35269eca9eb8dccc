# Where thumbnails are served from. Unversioned on purpose: a thumbnail can be rendered again, and when its source is
# deleted no copy of it may stay behind.

module "bucket" {
  source   = "../bucket"
  for_each = toset(var.mode == "create" ? ["on"] : [])

  name          = var.bucket_name
  partition     = var.partition
  kms_key_arn   = var.kms_key_arn
  without_tls   = var.without_tls
  force_destroy = var.force_destroy

  distribution_arns = var.distribution_arns
  cors              = var.cors

  tags = var.tags

  incomplete_upload_days = var.incomplete_upload_days
}

moved {
  from = module.bucket
  to   = module.bucket["on"]
}
