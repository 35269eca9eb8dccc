output "key_arn" {
  description = "ARN of the key, for what is used with our own credentials."
  value       = aws_kms_key.this.arn
}

output "granted_key_arn" {
  description = "The same ARN, known only once services may use the key too."
  value       = aws_kms_key.this.arn
  depends_on  = [aws_kms_key_policy.this]
}

output "policy" {
  description = "The key's policy, for checks that those who need the key are let in."
  value       = aws_kms_key_policy.this.policy
}
