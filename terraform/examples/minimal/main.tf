provider "aws" {
  region = "eu-central-1"
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-minimal"
  archives = { folder = var.archives }
}

output "source_bucket" {
  description = "Name of the bucket to upload images to."
  value       = module.thumbnails.source_bucket
}

output "thumbnails_bucket" {
  description = "Name of the bucket that holds the thumbnails."
  value       = module.thumbnails.thumbnails_bucket
}
