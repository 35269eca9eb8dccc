variable "archives" {
  description = "Folder of the archives that `make package` builds."
  type        = string
  default     = "../../../build/lambda"
}

variable "region" {
  description = "AWS region to deploy to."
  type        = string
}

variable "page" {
  description = "Origin of the page that people upload from, such as https://www.example.com."
  type        = string
}
