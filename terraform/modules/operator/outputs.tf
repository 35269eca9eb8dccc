output "policy_json" {
  description = "The policy, for an IAM policy resource of whoever operates the pipeline."
  value       = local.policy
}
