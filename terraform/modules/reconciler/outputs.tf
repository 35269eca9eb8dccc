output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "environment" {
  description = "What the function is told."
  value       = aws_lambda_function.this.environment[0].variables
}

output "schedule_group_name" {
  description = "Name of the group of the function's schedule."
  value       = aws_scheduler_schedule_group.this.name
}
