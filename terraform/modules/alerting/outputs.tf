output "topic_arn" {
  description = "ARN of the topic that alerts and alarms are published to."
  value       = aws_sns_topic.this.arn
}
