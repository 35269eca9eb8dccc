output "function" {
  description = "The function: its name, ARN, role and role's name, log group's name, environment and the hash of its archive."
  value       = module.function
}

output "mapping" {
  description = "What feeds the function: UUID and ARN."
  value       = { uuid = aws_lambda_event_source_mapping.ranges.uuid, arn = aws_lambda_event_source_mapping.ranges.arn }
}

output "queue" {
  description = "The queue of ranges: name, URL and ARN."
  value       = { name = aws_sqs_queue.ranges.name, url = aws_sqs_queue.ranges.url, arn = aws_sqs_queue.ranges.arn }
}

output "table" {
  description = "The table of jobs: name and ARN."
  value       = { name = aws_dynamodb_table.jobs.name, arn = aws_dynamodb_table.jobs.arn }
}

output "schedule" {
  description = "What begins reconciliations: the group of the schedule, and of its role who may be it and what it may do then. Null without a schedule."
  value       = one([for schedule in module.schedule : { group_name = schedule.group_name, role = schedule.role }])
}
