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

output "roles" {
  description = "Who may be the function and its schedule, and by the names of their policies what they may do then, for checks that this is all."
  value = {
    function = {
      trust    = aws_iam_role.this.assume_role_policy
      policies = { for name, policy in merge(aws_iam_role_policy.capability, aws_iam_role_policy.network) : policy.name => policy.policy }
    }
    schedule = {
      trust    = aws_iam_role.schedule.assume_role_policy
      policies = { (aws_iam_role_policy.invoke.name) = aws_iam_role_policy.invoke.policy }
    }
  }
}
