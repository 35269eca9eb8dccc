provider "aws" {
  region = var.region
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-front-door"
  archives = { folder = var.archives }

  api = {
    sign_in = {
      callback_urls = ["${var.page}/signed-in"]
      logout_urls   = ["${var.page}/"]
    }
    limits = { bytes = 16777216, bytes_a_day = 536870912 } # 16 MiB, 512 MiB
    cors   = { origins = [var.page] }
  }
}

output "page" {
  description = "What the page has to know: none of it is secret."
  value = {
    url         = module.thumbnails.api.url
    sign_in_url = module.thumbnails.api.sign_in_url
    client_id   = module.thumbnails.api.client_id
    scopes      = module.thumbnails.api.scopes
  }
}
