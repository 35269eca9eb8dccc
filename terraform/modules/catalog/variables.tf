variable "table_name" {
  description = "Name of the table."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the table."
  type        = string
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table."
  type        = bool
  default     = true
}

variable "streamed" {
  description = "Whether changes of rows can be read from a stream, for 24 hours each."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the table."
  type        = map(string)
  default     = {}
}
