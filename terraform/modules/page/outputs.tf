output "url" {
  description = "Where the page is, without a slash at the end: the origin of what its scripts ask for."
  value       = "https://${var.domain == null ? aws_cloudfront_distribution.this.domain_name : var.domain.name}"
}

output "bucket_name" {
  description = "Name of the bucket that its files are in."
  value       = module.bucket.name
}

output "bucket_policy" {
  description = "The bucket's policy, for checks that nobody but the distribution is let in."
  value       = module.bucket.policy
}

output "distribution" {
  description = "Its CloudFront distribution: id, arn, domain_name, and the hosted_zone_id of that, for DNS."
  value = {
    arn            = aws_cloudfront_distribution.this.arn
    domain_name    = aws_cloudfront_distribution.this.domain_name
    hosted_zone_id = aws_cloudfront_distribution.this.hosted_zone_id
    id             = aws_cloudfront_distribution.this.id
  }
}

output "content_security_policy" {
  description = "What the page's scripts may do, for checks that it is little."
  value       = local.content_security_policy
}

output "config" {
  description = "What the page is told, for checks that it is all that it needs."
  value       = aws_s3_object.config.content
}
