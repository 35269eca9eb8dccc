output "function" {
  description = "The function: its name, ARN, role and role's name, log group's name, environment and the hash of its archive."
  value       = module.function
}

output "settings" {
  description = "What images are rendered with: the document that the function is told."
  value       = local.environment["SETTINGS"]
}

output "event_source_mappings" {
  description = "The mappings from the queues to the function, by the queues' names in var.queues: uuid and arn each."
  value       = { for queue, mapping in aws_lambda_event_source_mapping.queue : queue => { uuid = mapping.uuid, arn = mapping.arn } }
}
