provider "aws" {
  region = var.region
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-page"
  archives = { folder = var.archives }

  api = {
    sign_in = {}
    page    = {}
  }
}

output "page_url" {
  description = "Where users sign in, drop images and see their thumbnails."
  value       = module.thumbnails.api.page.url
}

output "user_pool_id" {
  description = "The pool that users are added to."
  value       = module.thumbnails.api.user_pool_id
}
