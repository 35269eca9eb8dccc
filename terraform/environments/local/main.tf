# The whole pipeline on one machine, against an emulator of AWS. What a stack, a demo or a test has other than this, it
# writes into an override file beside a copy of it; see devtools.localaws.
# https://developer.hashicorp.com/terraform/language/files/override

terraform {
  backend "local" {}
}

variable "endpoint_url" {
  description = "URL of the emulator, for Terraform and for the functions."
  type        = string
  default     = "http://127.0.0.1:4566"
}

variable "xray_daemon_address" {
  description = "Host and port that the functions send their traces to. Lambda runs an X-Ray daemon beside a function; the emulator runs none."
  type        = string
  default     = "127.0.0.1:2000"
}

variable "archives" {
  description = "Folder of the archives. The emulator runs them with an interpreter of this machine, so they must be built for that one."
  type        = string
  default     = "../../../build/local"
}

provider "aws" {
  region     = "us-east-1"
  access_key = "test" # what the emulator takes for the account's root
  secret_key = "test"

  # The emulator takes any credentials for those that they name, and there is no instance to ask for some.
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  max_retries                 = 3

  # Bucket names are not host names on a loopback address.
  s3_use_path_style = true

  endpoints {
    apigatewayv2 = var.endpoint_url
    cloudfront   = var.endpoint_url
    cloudwatch   = var.endpoint_url
    cognitoidp   = var.endpoint_url
    dynamodb     = var.endpoint_url
    events       = var.endpoint_url
    iam          = var.endpoint_url
    iot          = var.endpoint_url
    kms          = var.endpoint_url
    lambda       = var.endpoint_url
    logs         = var.endpoint_url
    s3           = var.endpoint_url
    scheduler    = var.endpoint_url
    sns          = var.endpoint_url
    sqs          = var.endpoint_url
    ssm          = var.endpoint_url
    sts          = var.endpoint_url
  }
}

module "pipeline" {
  source = "../.."

  name     = "thumbs"
  archives = { folder = var.archives }

  # Nobody waits long to see a retry, a dead letter, a crashed worker's images or the next digest.
  retry_first_seconds   = 1
  retry_denied_seconds  = 60
  max_receive_count     = 3
  timeout_seconds       = 10
  digest_window_seconds = 60

  # All invocations share this machine's processors.
  maximum_concurrency = 2
  backfill            = { maximum_concurrency = 2 }
  jobs = {
    ranges_at_a_time = 2
    reconcile        = { repair = true }
    inventories      = [{ bucket = "thumbs-lists" }] # of whoever delivers some
  }

  deletion_protection    = false                      # it is thrown away with everything in it
  saved_searches         = false                      # the emulator knows neither saved queries nor X-Ray groups
  plaintext_source_cidrs = ["127.0.0.0/8", "::1/128"] # the emulator speaks HTTP

  function_environment = {
    AWS_ENDPOINT_URL        = var.endpoint_url
    AWS_XRAY_DAEMON_ADDRESS = var.xray_daemon_address
  }
}

output "pipeline" {
  description = "What the module tells."
  value       = module.pipeline
}
