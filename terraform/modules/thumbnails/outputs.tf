output "bucket_name" {
  description = "Name of the bucket that thumbnails are written to."
  value       = coalesce(one(values(module.bucket)[*].name), var.bucket_name)
}

output "policy" {
  description = "The bucket's policy, for checks that those who serve thumbnails are let in; null where somebody else writes it."
  value       = one(values(module.bucket)[*].policy)
}

output "bucket_arn" {
  description = "ARN of the bucket that thumbnails are written to."
  value       = coalesce(one(values(module.bucket)[*].arn), "arn:${var.partition}:s3:::${var.bucket_name}")
}
