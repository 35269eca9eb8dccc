output "function" {
  description = "The function: its name, ARN, role and role's name, log group's name, environment and the hash of its archive."
  value       = module.function
}

output "schedule_group_name" {
  description = "Name of the group of the function's schedule."
  value       = module.schedule.group_name
}

output "schedule_role" {
  description = "Who may be the schedule, and by the names of its policies what it may do then, for checks that this is all."
  value       = module.schedule.role
}
