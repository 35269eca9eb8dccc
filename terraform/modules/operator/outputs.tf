output "policy_json" {
  description = "The policy, for an IAM policy resource of whoever operates the pipeline."
  value       = local.policies["operating"]
}

output "forgetting_policy_json" {
  description = "The policy for thumbctl users forget, on top of the other."
  value       = local.policies["forgetting"]
}

output "announcing_policy_json" {
  description = "The policy for thumbctl events, on top of the other; null where nothing is announced."
  value       = var.announcing == null ? null : local.policies["announcing"]
}

output "devices_policy_json" {
  description = "The policy for thumbctl devices, on top of the other; null where there is no door for devices."
  value       = var.devices == null ? null : local.policies["devices"]
}

output "jobs_policy_json" {
  description = "The policy for bulk jobs in the account, on top of the other; null where there are none."
  value       = var.jobs == null ? null : local.policies["jobs"]
}
