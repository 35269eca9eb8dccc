output "bucket_name" {
  description = "Name of the bucket that thumbnails are written to."
  value       = module.bucket.name
}

output "bucket_arn" {
  description = "ARN of the bucket that thumbnails are written to."
  value       = module.bucket.arn
}
