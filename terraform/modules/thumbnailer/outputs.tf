output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "ARN of the function, whatever version of it runs."
  value       = aws_lambda_function.this.arn
}

output "function_role_name" {
  description = "Name of the role that the function runs as."
  value       = aws_iam_role.this.name
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "function_sha256" {
  description = "SHA-256 of the function's archive in base64, as Lambda tells it of the code that it runs."
  value       = aws_lambda_function.this.source_code_hash
}

output "layer_arn" {
  description = "ARN of the version of the layer that the function uses."
  value       = aws_lambda_layer_version.imaging.arn
}

output "environment" {
  description = "What the function is told."
  value       = aws_lambda_function.this.environment[0].variables
}

output "event_source_mappings" {
  description = "The mappings from the queues to the function, by the queues' names in var.queues: uuid and arn each."
  value       = { for queue, mapping in aws_lambda_event_source_mapping.queue : queue => { uuid = mapping.uuid, arn = mapping.arn } }
}

output "role" {
  description = "Who may be the function, and by the names of its policies what it may do then, for checks that this is all."
  value = {
    trust    = aws_iam_role.this.assume_role_policy
    policies = { for name, policy in merge(aws_iam_role_policy.capability, aws_iam_role_policy.network) : policy.name => policy.policy }
  }
}
