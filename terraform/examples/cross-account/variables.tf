variable "archives" {
  description = "Folder of the archives that `make package` builds."
  type        = string
  default     = "../../../build/lambda"
}

variable "shop_role_arn" {
  description = "ARN of the role in the other account that uploads."
  type        = string
}

variable "shop_deployer_role_arn" {
  description = "ARN of a role in that account which Terraform may take on, to give the first its policy."
  type        = string
}
