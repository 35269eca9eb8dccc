output "arn" {
  description = "ARN of the distribution, which the policies of bucket and key admit."
  value       = aws_cloudfront_distribution.this.arn
}

output "id" {
  description = "Identifier of the distribution, for invalidations."
  value       = aws_cloudfront_distribution.this.id
}

output "domain_name" {
  description = "CloudFront's name of the distribution, at which thumbnails can be had, and to which the deployer's own names point."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "hosted_zone_id" {
  description = "Route 53 zone of that name, for alias records."
  value       = aws_cloudfront_distribution.this.hosted_zone_id
}
