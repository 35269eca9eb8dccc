output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function, whatever version of it runs."
  value       = aws_lambda_function.this.arn
}

output "target_arn" {
  description = "ARN to send events to: that of the published version where snapshots are made of it, and else the function's."
  value       = var.snap_start ? aws_lambda_function.this.qualified_arn : aws_lambda_function.this.arn
}

output "invoke_arn" {
  description = "ARN by which API Gateway invokes the same."
  value       = var.snap_start ? aws_lambda_function.this.qualified_invoke_arn : aws_lambda_function.this.invoke_arn
}

output "sha256" {
  description = "SHA-256 of the function's archive in base64, as Lambda tells it of the code that it runs; null where an object in S3 was named without."
  value       = local.sha256
}

output "role_name" {
  description = "Name of the role that the function runs as."
  value       = aws_iam_role.this.name
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "environment" {
  description = "What the function is told."
  value       = aws_lambda_function.this.environment[0].variables
}

output "role" {
  description = "Who may be the function, and by the names of its policies what it may do then, for checks that this is all."
  value = {
    trust    = aws_iam_role.this.assume_role_policy
    policies = { for name, policy in merge(aws_iam_role_policy.capability, aws_iam_role_policy.network) : policy.name => policy.policy }
  }
}
