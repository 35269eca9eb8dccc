# Who signs in, and what an application may ask for in their name: a pool of users or one that was there before, the scopes of
# the API, and a client that holds no secret.

locals {
  made         = toset(var.pool.mode == "create" ? ["on"] : [])
  user_pool_id = var.pool.mode == "create" ? one(values(aws_cognito_user_pool.this)[*].id) : var.pool.id
}

resource "aws_cognito_user_pool" "this" {
  for_each = local.made

  name                = var.names.user_pool
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  user_pool_tier      = "LITE" # sign-in with a password and a second factor; what the dearer ones add is not used
  tags                = var.tags

  # People are known by their address. What a pool demands of its users can never be changed, so it is nothing else.
  # https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]

  username_configuration {
    case_sensitive = false
  }

  admin_create_user_config {
    allow_admin_create_user_only = !var.self_sign_up
  }

  # NIST's advice: length, and no rules about characters.
  # https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
  password_policy {
    minimum_length                   = 15
    require_lowercase                = false
    require_numbers                  = false
    require_symbols                  = false
    require_uppercase                = false
    temporary_password_validity_days = 7
  }

  mfa_configuration = "OPTIONAL"

  software_token_mfa_configuration {
    enabled = true
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  # Else somebody could take over the account of an address that they do not own.
  # https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-email-phone-verification.html
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  for_each = local.made

  domain       = var.names.domain
  user_pool_id = local.user_pool_id
}

# An access token names these scopes, an ID token none: routes that want one refuse an ID token.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
resource "aws_cognito_resource_server" "this" {
  identifier   = var.names.resource_server
  name         = var.names.resource_server
  user_pool_id = local.user_pool_id

  dynamic "scope" {
    for_each = {
      upload = "Upload images"
      read   = "See one's own images"
      delete = "Delete one's own images"
    }

    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

resource "aws_cognito_user_pool_client" "this" {
  name         = var.names.client
  user_pool_id = local.user_pool_id

  # A page can keep no secret. The authorization code comes with PKCE in its place, which the page has to ask for: Cognito
  # checks the verifier of whoever sent a challenge, and cannot be told to demand one.
  # https://docs.aws.amazon.com/cognito/latest/developerguide/using-pkce-in-authorization-code.html
  generate_secret                      = false
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = concat(["openid"], values(local.scopes))
  callback_urls                        = var.callback_urls
  logout_urls                          = var.logout_urls
  supported_identity_providers         = ["COGNITO"]

  # No password passes through the page: people type it into Cognito's own.
  # https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors = "ENABLED"

  # Signing out revokes the refresh token. Access tokens go on until they expire.
  enable_token_revocation = true
  access_token_validity   = var.token_minutes.access
  id_token_validity       = var.token_minutes.access
  refresh_token_validity  = var.token_minutes.refresh

  # Without units, the numbers are hours and days.
  # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "minutes"
  }

  # Nobody changes an attribute by a token: in this pool, that is the address that they sign in with.
  read_attributes  = ["email", "email_verified"]
  write_attributes = []

  # Cognito refuses a client scopes that are not there yet.
  depends_on = [aws_cognito_resource_server.this]
}

locals {
  scopes = { for scope in ["upload", "read", "delete"] : scope => "${var.names.resource_server}/${scope}" }
}
