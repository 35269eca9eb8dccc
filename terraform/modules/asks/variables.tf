variable "name" {
  description = "Name of the table."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the table."
  type        = string
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
