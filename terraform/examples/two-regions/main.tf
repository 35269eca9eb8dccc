# The same deployment in two regions of one account, each for itself: what is uploaded in one is rendered there.

provider "aws" {
  region = "eu-central-1"
}

provider "aws" {
  alias  = "virginia"
  region = "us-east-1"
}

module "frankfurt" {
  source = "../.."

  name           = "thumbs"
  archives       = { folder = var.archives }
  regional_roles = true
}

module "virginia" {
  source    = "../.."
  providers = { aws = aws.virginia }

  name           = "thumbs"
  archives       = { folder = var.archives }
  regional_roles = true
}

output "source_buckets" {
  description = "Names of the buckets to upload images to."
  value       = { frankfurt = module.frankfurt.source_bucket, virginia = module.virginia.source_bucket }
}
