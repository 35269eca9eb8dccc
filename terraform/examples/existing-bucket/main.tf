provider "aws" {
  region = "eu-central-1"
}

# The owner's part. Who has notifications of the bucket already adds `eventbridge = true` to the resource that has them: a
# second one would replace it.
resource "aws_s3_bucket_notification" "uploads" {
  bucket      = var.bucket_name
  eventbridge = true
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-existing"
  archives = { folder = var.archives }

  source_prefix  = "photos/"
  uploads_bucket = { mode = "eventbridge", name = var.bucket_name }
}

output "thumbnails_bucket" {
  description = "Name of the bucket that holds the thumbnails."
  value       = module.thumbnails.thumbnails_bucket
}

output "rule" {
  description = "Name of the rule that picks out what the pipeline has to hear of."
  value       = module.thumbnails.source_rule_name
}
