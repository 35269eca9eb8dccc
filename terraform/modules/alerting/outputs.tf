output "topic_arn" {
  description = "ARN of the topic that alerts and alarms are published to."
  value       = aws_sns_topic.this.arn
}

output "digests_table_arn" {
  description = "ARN of the table in which digests of failures are spaced out."
  value       = aws_dynamodb_table.digests.arn
}

output "digests_table_name" {
  description = "Name of the table in which digests of failures are spaced out."
  value       = aws_dynamodb_table.digests.name
}

output "alarm_names" {
  description = "Names of the alarms that publish to the topic."
  value       = [aws_cloudwatch_metric_alarm.dead_letters.alarm_name]
}
