variable "archives" {
  description = "Directory of the two archives that `make package` builds."
  type        = string
  default     = "../../../build/lambda"
}
