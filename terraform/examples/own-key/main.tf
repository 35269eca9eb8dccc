provider "aws" {
  region = "eu-central-1"
}

# A key and a bucket of your own, made in the same configuration. Their policies come from the module, which knows them before
# anything is made.

resource "aws_kms_key" "photos" {
  description         = "Photos and all that is made of them"
  enable_key_rotation = true
  policy              = module.thumbnails.key_policies["kms_key"]
}

resource "aws_s3_bucket" "photos" {
  bucket_prefix = "photos-"
}

resource "aws_s3_bucket_versioning" "photos" {
  bucket = aws_s3_bucket.photos.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "photos" {
  bucket = aws_s3_bucket.photos.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.photos.arn
    }
  }
}

resource "aws_s3_bucket_policy" "photos" {
  bucket = aws_s3_bucket.photos.id
  policy = module.thumbnails.owner_policies["uploads_bucket"]
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-own-key"
  archives = { folder = var.archives }

  encryption  = { key = "existing" }
  kms_key_arn = aws_kms_key.photos.arn

  # Its objects are encrypted with the same key, which need not be named again.
  uploads_bucket = { mode = "existing", name = aws_s3_bucket.photos.id }
}

output "thumbnails_bucket" {
  description = "Name of the bucket that holds the thumbnails."
  value       = module.thumbnails.thumbnails_bucket
}
