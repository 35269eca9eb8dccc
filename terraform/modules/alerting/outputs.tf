output "topics" {
  description = "The topics by tier, failures, warning and critical: ARN and name, and policy and key for checks that alarms get through. The policy of a topic that was there before is what it has to say."
  value       = local.topics
}

output "digests_table_arn" {
  description = "ARN of the table in which digests of failures are spaced out."
  value       = aws_dynamodb_table.digests.arn
}

output "digests_table_name" {
  description = "Name of the table in which digests of failures are spaced out."
  value       = aws_dynamodb_table.digests.name
}

output "owner_policies" {
  description = "What the policies of topics that were there before have to say, by tier."
  value       = { for tier in keys(var.existing_topics) : tier => local.policies[tier] }
}

output "policies" {
  description = "Policies of the topics that are our own, by tier, for checks that nobody else is let in."
  value       = { for tier, topic in aws_sns_topic.this : tier => topic.policy }
}
