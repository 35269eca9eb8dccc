output "key_arn" {
  description = "ARN of the key, for what is used with our own credentials."
  value       = local.key_arn
}

output "granted_key_arn" {
  description = "The same ARN, known only once services may use the key too."
  value       = local.key_arn
  depends_on  = [aws_kms_key_policy.this]
}

output "policy" {
  description = "What the key's policy has to say, for its owner, and for checks that those who need the key are let in."
  value       = local.policy
}

output "log_key_arn" {
  description = "ARN of the key that encrypts the logs, known only once CloudWatch Logs may use it."
  value       = var.existing_log_key_arn == null ? local.key_arn : var.existing_log_key_arn
  depends_on  = [aws_kms_key_policy.this]
}

output "log_policy" {
  description = "What the policy of a key for the logs alone has to say."
  value       = local.log_policy
}
