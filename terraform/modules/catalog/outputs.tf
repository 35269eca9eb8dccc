output "table_name" {
  description = "Name of the catalog table."
  value       = aws_dynamodb_table.this.name
}

output "table_arn" {
  description = "ARN of the catalog table."
  value       = aws_dynamodb_table.this.arn
}

output "stream_arn" {
  description = "ARN of the stream of changes; empty or null where there is none. It is another one each time that the stream is switched on."
  value       = aws_dynamodb_table.this.stream_arn
}

output "failures_index_name" {
  description = "Name of the sparse index of failed sources."
  value       = local.failures_index
}
