variable "name" {
  description = "Name of the deployment; the key's alias is named after it."
  type        = string
}

variable "aws" {
  description = "Where the key lives; ARNs in its policy are built from this."
  type = object({
    account_id = string
    dns_suffix = string
    partition  = string
    region     = string
  })
}

variable "notifying_bucket_arn" {
  description = "ARN of the bucket whose notifications go to a queue encrypted with the key."
  type        = string
}

variable "log_group_arns" {
  description = "ARNs of the log groups that are encrypted with the key."
  type        = list(string)
}

variable "deletion_window_days" {
  description = "Days between the destruction of the key and the moment at which nothing encrypted with it can be read again."
  type        = number
  default     = 30
}

variable "distribution_arns" {
  description = "ARNs of CloudFront distributions that may read what is encrypted with the key."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the key."
  type        = map(string)
  default     = {}
}
