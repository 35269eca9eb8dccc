terraform {
  required_version = ">= 1.10" # the first whose S3 backend locks with a file

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # Where in the bucket is this environment's to say; the bucket is the account's own, and named when the directory is
  # initialised:
  #   terraform init -backend-config=backend.tfbackend -backend-config=bucket=<bucket> -backend-config=region=<region>
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
