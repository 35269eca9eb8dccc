provider "aws" {
  region = var.region

  default_tags {
    tags = { Application = "thumbnails", CostCentre = "media" }
  }
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-complete"
  archives = { folder = var.archives }

  renditions = [
    { name = "hero", width = 2048, height = 2048, format = "avif", quality = 60 },
    { name = "card", width = 640, height = 480, fit = "cover", crop = "attention" },
    { name = "icon", width = 96, height = 96, fit = "cover", format = "png" },
  ]
  animation     = "animate"
  source_prefix = "photos/"

  memory_mb            = 3008
  maximum_concurrency  = 100
  backfill             = { maximum_concurrency = 20 }
  reserved_concurrency = 120
  reconcile            = { schedule = "cron(0 3 * * ? *)" }
  events               = { backfills = false }
  retention            = { log_days = 90 }

  cors = { origins = ["https://www.example.com"] }
  cdn  = {}

  encryption               = { key = "existing", log_key = "existing" }
  kms_key_arn              = var.kms_key_arn
  log_kms_key_arn          = var.log_kms_key_arn
  alert_topics             = { critical = { arn = var.pager_topic_arn, kms_key_arn = var.kms_key_arn } }
  permissions_boundary_arn = var.permissions_boundary_arn
  vpc                      = { subnet_ids = var.subnet_ids, security_group_ids = var.security_group_ids }

  alert_subscriptions = {
    team = { protocol = "email", endpoint = "media-team@example.com", tiers = ["failures", "warning"] }
  }
  runbook_url = "https://wiki.example.com/thumbnails"
}

output "module" {
  description = "Everything that the module tells."
  value       = module.thumbnails
}
