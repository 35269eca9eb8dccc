# Production. Edit it: what a deployment is told stands here, and every input of the module can be added
# (terraform/README.md lists them). The bucket of the state is the account's own, and named once:
#   terraform init -backend-config=bucket=<bucket> -backend-config=region=<region>

terraform {
  required_version = ">= 1.10" # the first whose S3 backend locks with a file

  backend "s3" {
    key          = "thumbnail-pipeline/prod.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

variable "name" {
  description = "Name of the deployment; everything is named after it."
  type        = string
}

variable "region" {
  description = "AWS region to deploy to."
  type        = string
}

variable "on_call" {
  description = "E-mail address that hears of failures and alarms, once its owner has confirmed it."
  type        = string
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Application = "thumbnail-pipeline", Deployment = var.name, ManagedBy = "terraform" }
  }
}

module "pipeline" {
  source = "../.."

  name                = var.name
  archives            = { folder = "${path.module}/../../../build/lambda" }
  alert_subscriptions = { on_call = { protocol = "email", endpoint = var.on_call } }

  maximum_concurrency = 50
  backfill            = { maximum_concurrency = 10 }
  retention           = { log_days = 90 }
  deletion_protection = true
}

output "pipeline" {
  description = "What the module tells: terraform output -json pipeline."
  value       = module.pipeline
}
