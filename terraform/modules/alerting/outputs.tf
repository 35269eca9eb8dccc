output "topics" {
  description = "The topics by tier, failures, warning and critical: ARN and name, and policy and key for checks that alarms get through."
  value = {
    for tier, topic in aws_sns_topic.this : tier => {
      arn         = topic.arn
      name        = topic.name
      policy      = topic.policy
      kms_key_arn = topic.kms_master_key_id
    }
  }
}

output "digests_table_arn" {
  description = "ARN of the table in which digests of failures are spaced out."
  value       = aws_dynamodb_table.digests.arn
}

output "digests_table_name" {
  description = "Name of the table in which digests of failures are spaced out."
  value       = aws_dynamodb_table.digests.name
}
