output "function" {
  description = "The function: its name, ARN, role and role's name, log group's name, environment and the hash of its archive."
  value       = module.function
}

output "mapping" {
  description = "The mapping from the stream to the function: uuid and arn."
  value       = { uuid = aws_lambda_event_source_mapping.stream.uuid, arn = aws_lambda_event_source_mapping.stream.arn }
}
