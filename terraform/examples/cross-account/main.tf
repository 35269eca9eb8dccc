provider "aws" {
  region = "eu-central-1"
}

# The account that uploads. In yours, this part may be in a configuration of its own.
provider "aws" {
  alias  = "shop"
  region = "eu-central-1"

  assume_role {
    role_arn = var.shop_deployer_role_arn
  }
}

module "thumbnails" {
  source = "../.."

  name     = "thumbs-cross-account"
  archives = { folder = var.archives }

  # The policies of bucket and key let it in.
  access = { uploaders = [var.shop_role_arn] }
}

# And its own account lets it go there: what may be done in another account takes both.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
resource "aws_iam_role_policy" "uploads" {
  provider = aws.shop

  name   = "upload-photos"
  role   = reverse(split("/", var.shop_role_arn))[0]
  policy = module.thumbnails.access_policies["uploaders"]
}

output "source_bucket" {
  description = "Name of the bucket that the shop uploads to."
  value       = module.thumbnails.source_bucket
}
