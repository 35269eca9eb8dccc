output "bucket_name" {
  description = "Name of the bucket that is watched."
  value       = local.bucket_name
}

output "bucket_arn" {
  description = "ARN of the bucket that is watched."
  value       = local.bucket_arn
}

output "queue_url" {
  description = "URL of the work queue."
  value       = aws_sqs_queue.work.url
}

output "queue_arn" {
  description = "ARN of the work queue."
  value       = aws_sqs_queue.work.arn
}

output "queue_name" {
  description = "Name of the work queue."
  value       = aws_sqs_queue.work.name
}

output "backfill_queue_url" {
  description = "URL of the backfill queue."
  value       = aws_sqs_queue.backfill.url
}

output "backfill_queue_arn" {
  description = "ARN of the backfill queue."
  value       = aws_sqs_queue.backfill.arn
}

output "backfill_queue_name" {
  description = "Name of the backfill queue."
  value       = aws_sqs_queue.backfill.name
}

output "dlq_url" {
  description = "URL of the dead-letter queue."
  value       = aws_sqs_queue.dead_letters.url
}

output "dlq_arn" {
  description = "ARN of the dead-letter queue."
  value       = aws_sqs_queue.dead_letters.arn
}

output "dlq_name" {
  description = "Name of the dead-letter queue."
  value       = aws_sqs_queue.dead_letters.name
}

output "rule_name" {
  description = "Name of the rule that sends what EventBridge is told of to the work queue; empty where the bucket itself does."
  value       = join("", values(aws_cloudwatch_event_rule.uploads)[*].name)
}

output "policies" {
  description = "Policies of the queues, and of the bucket where it is our own, for checks that nobody else is let in."
  value = merge(
    {
      work         = aws_sqs_queue.work.policy
      backfill     = aws_sqs_queue.backfill.policy
      dead_letters = aws_sqs_queue.dead_letters.policy
    },
    { for bucket in module.bucket : "uploads" => bucket.policy },
  )
}

output "cors_rules" {
  description = "Whose scripts may upload to the bucket where it is our own, in words, for checks that it was told."
  value       = flatten([for bucket in module.bucket : bucket.cors_rules])
}
