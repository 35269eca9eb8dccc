variable "archives" {
  description = "Folder of the archives that `make package` builds."
  type        = string
  default     = "../../../build/lambda"
}

variable "region" {
  description = "AWS region to deploy to."
  type        = string
}
