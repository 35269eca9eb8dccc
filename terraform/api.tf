# The front door: how users upload and see what became of it, who they are, and what keeps others from their images.

locals {
  front_door   = { for api in [var.api] : "on" => api if api != null }
  users_prefix = "${var.source_prefix}users/"

  # Keys as the API makes them, of a user of a pool of Cognito and of another issuer's; see functions/thumbnail_pipeline/users.py.
  keys_of_users = [
    for owner in ["6ba7b810-9dad-41d1-80b4-00c04fd430c8", "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dzpiydcmrtgq3a"] :
    "${local.users_prefix}${owner}/7YS2MK0Q8V5RJ3XWC4T1HZB6ND"
  ]

  # Whose tokens are taken. Scopes of a user pool are called after the deployment, of which one pool may have several.
  scopes = { for scope in ["upload", "read", "delete"] : scope => "${var.name}/${scope}" }
  tokens = {
    for key, api in local.front_door : key => api.sign_in.mode == "oidc" ? {
      issuer   = api.sign_in.issuer
      own      = false
      audience = api.sign_in.audience
      scopes   = merge(local.scopes, api.sign_in.scopes)
      } : {
      issuer   = module.sign_in[key].issuer
      own      = true
      audience = toset([module.sign_in[key].client_id])
      scopes   = module.sign_in[key].scopes
    }
  }

  # Named here because the key's policy names it before it is there.
  access_log_group_arns = [
    for name in [local.names["access_logs"]] :
    "arn:${local.aws.partition}:logs:${local.aws.region}:${local.aws.account_id}:log-group:${name}" if var.api != null
  ]

  # What a browser must be allowed with the uploads bucket: to put what the API signed, with the headers that it signed.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
  uploads_cors = one([
    for api in values(local.front_door) : {
      origins         = setunion(try(api.cors.origins, []), local.pages[*].url)
      methods         = ["PUT"]
      headers         = ["content-type", "if-none-match", "x-amz-checksum-sha256"]
      exposed         = ["etag"]
      max_age_seconds = try(api.cors.max_age_seconds, 3600)
    } if api.cors != null || api.page != null
  ])
  owner_cors = {
    for bucket, cors in { uploads_bucket = local.uploads_cors } : bucket => jsonencode({
      CORSRules = [{
        AllowedOrigins = cors.origins
        AllowedMethods = cors.methods
        AllowedHeaders = cors.headers
        ExposeHeaders  = cors.exposed
        MaxAgeSeconds  = cors.max_age_seconds
      }]
    }) if cors != null && var.uploads_bucket.mode != "create"
  }

  # Where the page is, by a literal index: who sends people back there, or lets it in, must not wait for all of the module,
  # of which some waits for them.
  pages = try(var.api.page, null) == null ? [] : [{ url = module.page["on"].url, distribution_arn = module.page["on"].distribution.arn }]

  # Where people sign in to a user pool of ours; of any other, its owner knows.
  # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html
  sign_in_endpoints = try(var.api.sign_in.mode, "") != "create" ? try(var.api.page.endpoints, null) : {
    authorization = "${module.sign_in["on"].sign_in_url}/oauth2/authorize"
    token         = "${module.sign_in["on"].sign_in_url}/oauth2/token"
    revocation    = "${module.sign_in["on"].sign_in_url}/oauth2/revoke"
    end_session   = "${module.sign_in["on"].sign_in_url}/logout"
  }

  # As the API signs their addresses: the certificate is for one label before the service's name.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
  s3_host = "s3.${local.aws.region}.${local.aws.dns_suffix}"
  s3_origins = {
    for bucket in [local.uploads_bucket.name, local.thumbnails_bucket_name] :
    bucket => strcontains(bucket, ".") ? "https://${local.s3_host}/${bucket}/" : "https://${bucket}.${local.s3_host}"
  }

  api_output = one([
    for key, api in module.api : {
      url                   = api.url
      domain                = api.domain
      function_name         = api.function.name
      log_group_name        = api.function.log_group_name
      access_log_group_name = api.access_log_group_name
      asks_table_name       = api.asks_table_name
      url_minutes           = var.api.url_minutes
      issuer                = local.tokens[key].issuer
      scopes                = local.tokens[key].scopes
      user_pool_id          = one([for sign_in in module.sign_in : sign_in.user_pool_id])
      client_id             = one([for sign_in in module.sign_in : sign_in.client_id])
      sign_in_url           = one([for sign_in in module.sign_in : sign_in.sign_in_url])
      page                  = one([for page in module.page : { url = page.url, bucket_name = page.bucket_name, distribution = page.distribution }])
    }
  ])
}

module "sign_in" {
  source   = "./modules/cognito"
  for_each = { for key, api in local.front_door : key => api if api.sign_in.mode != "oidc" }

  names = {
    user_pool       = local.names["user_pool"]
    domain          = coalesce(each.value.sign_in.domain_prefix, local.names["sign_in_domain"])
    client          = local.names["sign_in_client"]
    resource_server = var.name
  }
  aws                 = local.aws
  pool                = { mode = each.value.sign_in.mode, id = each.value.sign_in.user_pool_id }
  self_sign_up        = each.value.sign_in.self_sign_up
  callback_urls       = setunion(each.value.sign_in.callback_urls, [for page in local.pages : "${page.url}/"])
  logout_urls         = setunion(each.value.sign_in.logout_urls, [for page in local.pages : "${page.url}/"])
  token_minutes       = { access = each.value.sign_in.access_token_minutes, refresh = each.value.sign_in.refresh_token_minutes }
  deletion_protection = var.deletion_protection
  tags                = var.tags
}

module "api" {
  source   = "./modules/api"
  for_each = local.front_door

  function = local.function_basics["api"]
  aws      = local.aws
  names = {
    api         = local.names["api"]
    asks_table  = local.names["asks_table"]
    access_logs = local.names["access_logs"]
  }
  tokens     = local.tokens[each.key]
  uploads    = merge(local.uploads, { kms_key_arn = coalesce(var.uploads_bucket.kms_key_arn, module.encryption.key_arn) })
  thumbnails = merge(local.thumbnails, { kms_key_arns = local.thumbnails_key_arns })
  catalog    = local.catalog

  kms_key_arns         = concat([module.encryption.key_arn], module.encryption.kept_key_arns, var.encryption.former_key_arns)
  limits               = each.value.limits
  url_minutes          = each.value.url_minutes
  throttle             = each.value.throttle
  reserved_concurrency = each.value.reserved_concurrency
  cors                 = each.value.cors
  domain               = each.value.domain
  log_level            = var.log_level
  tracing              = var.tracing.mode
  tags                 = var.tags
}

module "page" {
  source   = "./modules/page"
  for_each = { for key, api in local.front_door : key => merge(api.page, { sign_in_mode = api.sign_in.mode, limits = api.limits }) if api.page != null }

  names             = { bucket = local.names["page_bucket"], distribution = local.names["page"] }
  aws               = local.aws
  api_url           = module.api["on"].url
  uploads_origin    = local.s3_origins[local.uploads_bucket.name]
  thumbnails_origin = local.s3_origins[local.thumbnails_bucket_name]
  limits            = each.value.limits
  client = {
    id     = each.value.sign_in_mode == "oidc" ? each.value.client_id : module.sign_in["on"].client_id
    scopes = concat(["openid"], values(local.tokens[each.key].scopes))
  }
  endpoints   = local.sign_in_endpoints
  domain      = each.value.domain
  price_class = each.value.price_class
  web_acl_arn = each.value.web_acl_arn
  kms_key_arn = module.encryption.key_arn
  without_tls = local.without_tls
  tags        = var.tags
}
