terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # State lives beside the emulator, which forgets everything when it stops:
  #   terraform init -backend-config=path=<directory>/terraform.tfstate
  backend "local" {}
}
