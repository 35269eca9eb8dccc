output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "policy" {
  description = "The bucket's policy, for checks that those who may read are let in."
  value       = aws_s3_bucket_policy.this.policy
}

output "lifecycle_rules" {
  description = "Names of what S3 does with the objects by itself, for checks that it was told."
  value       = aws_s3_bucket_lifecycle_configuration.this.rule[*].id
}

output "cors_rules" {
  description = "Whose scripts may do what, in words, for checks that it was told."
  value = flatten([
    for cors in aws_s3_bucket_cors_configuration.this : [
      for rule in cors.cors_rule :
      "${join(" ", sort(rule.allowed_methods))} by ${join(" ", sort(rule.allowed_origins))} with ${join(" ", sort(rule.allowed_headers))}, ${join(" ", sort(rule.expose_headers))} shown, for ${rule.max_age_seconds}"
    ]
  ])
}
