output "key_arn" {
  description = "ARN of the key, for what is used with our own credentials."
  value       = local.key_arn

  precondition {
    condition     = var.modes.key == "create" || var.modes.made_key != null || terraform_data.first.output != "create"
    error_message = "The key that this deployment made would be deleted, and nobody could read what is encrypted with it, objects above all. Say what becomes of it: with encryption.made_key = \"keep\" it stays, and is used for what is there; with \"delete\" it is gone ${var.deletion_window_days} days after the apply."
  }
}

output "kept_key_arns" {
  description = "ARN of the key that was made, where it is kept though another took its place."
  value       = var.modes.key == "create" ? [] : values(aws_kms_key.this)[*].arn
}

output "granted_key_arn" {
  description = "The same ARN, known only once services may use the key too."
  value       = local.key_arn
  depends_on  = [aws_kms_key_policy.this]
}

output "policy" {
  description = "What the key's policy has to say, for its owner, and for checks that those who need the key are let in."
  value       = var.modes.key == "create" ? local.made_policy : local.existing_policy
}

output "log_key_arn" {
  description = "ARN of the key that encrypts the logs, known only once CloudWatch Logs may use it."
  value       = var.modes.log_key == "same" ? local.key_arn : var.existing_log_key_arn
  depends_on  = [aws_kms_key_policy.this]
}

output "log_policy" {
  description = "What the policy of a key for the logs alone has to say."
  value       = local.log_policy
}
