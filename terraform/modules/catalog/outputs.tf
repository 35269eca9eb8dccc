output "table_name" {
  description = "Name of the catalog table."
  value       = aws_dynamodb_table.this.name
}

output "table_arn" {
  description = "ARN of the catalog table."
  value       = aws_dynamodb_table.this.arn
}

output "failures_index_name" {
  description = "Name of the sparse index of failed sources."
  value       = local.failures_index
}
