variable "archives" {
  description = "Folder of the archives that `make package` builds."
  type        = string
  default     = "../../../build/lambda"
}
