output "function" {
  description = "The function: its name, ARN, role and role's name, log group's name, environment and the hash of its archive."
  value       = module.function
}

output "api_id" {
  description = "Identifier of the API, which its metrics go by."
  value       = aws_apigatewayv2_api.this.id
}

output "stage" {
  description = "Name of the stage, which its metrics go by."
  value       = aws_apigatewayv2_stage.this.name
}

output "routes" {
  description = "The routes, which the function's metrics go by."
  value       = keys(local.routes)
}

output "url" {
  description = "Where the API answers."
  value       = var.domain == null ? aws_apigatewayv2_api.this.api_endpoint : "https://${var.domain.name}"
}

output "domain" {
  description = "What the name of the deployer's own has to point to: target_domain_name and its hosted_zone_id. Null where there is none."
  value = one([
    for domain in aws_apigatewayv2_domain_name.this : {
      target_domain_name = domain.domain_name_configuration[0].target_domain_name
      hosted_zone_id     = domain.domain_name_configuration[0].hosted_zone_id
    }
  ])
}

output "asks_table_name" {
  description = "Name of the table of what users asked for."
  value       = module.asks.table_name
}

output "asks_table_arn" {
  description = "ARN of the table of what users asked for."
  value       = module.asks.table_arn
}

output "access_log_group_name" {
  description = "Name of the log group that has a line for each request."
  value       = aws_cloudwatch_log_group.access.name
}
