output "topic_arn" {
  description = "ARN of the topic that alerts and alarms are published to."
  value       = aws_sns_topic.this.arn
}

output "alarm_names" {
  description = "Names of the alarms that publish to the topic."
  value       = [aws_cloudwatch_metric_alarm.dead_letters.alarm_name]
}
