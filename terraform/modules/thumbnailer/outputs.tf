output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "function_role_name" {
  description = "Name of the role that the function runs as."
  value       = aws_iam_role.this.name
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "event_source_mapping_uuid" {
  description = "Identifier of the mapping from the work queue to the function, for pausing and resuming it."
  value       = aws_lambda_event_source_mapping.work.uuid
}
