output "user_pool_id" {
  description = "Identifier of the pool."
  value       = local.user_pool_id
}

output "issuer" {
  description = "Who issues the tokens, as their iss says."
  value       = "https://cognito-idp.${var.aws.region}.${var.aws.dns_suffix}/${local.user_pool_id}"
}

output "client_id" {
  description = "Identifier of the client, which is no secret, and which access tokens are for."
  value       = aws_cognito_user_pool_client.this.id
}

output "scopes" {
  description = "Names of the scopes in tokens, by what they allow: upload, read and delete."
  value       = local.scopes
}

output "sign_in_url" {
  description = "Where people sign in; null for a pool that was there before, whose domain its owner knows."
  value       = one([for domain in aws_cognito_user_pool_domain.this : "https://${domain.domain}.auth.${var.aws.region}.amazoncognito.com"])
}
