output "group_name" {
  description = "Name of the schedule's group."
  value       = aws_scheduler_schedule_group.this.name
}

output "role" {
  description = "Who may be the schedule, and by the names of its policies what it may do then, for checks that this is all."
  value = {
    trust    = aws_iam_role.this.assume_role_policy
    policies = { (aws_iam_role_policy.invoke.name) = aws_iam_role_policy.invoke.policy }
  }
}
