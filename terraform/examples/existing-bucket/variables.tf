variable "archives" {
  description = "Folder of the archives that `make package` builds."
  type        = string
  default     = "../../../build/lambda"
}

variable "bucket_name" {
  description = "Name of a bucket in this account and region that nobody else sets the notifications of, so that they can be set here."
  type        = string
}
