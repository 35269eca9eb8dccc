variable "names" {
  description = "Names of the function, which its role and its schedule share, of the schedule's group and role, and of the parameter that holds the cursor."
  type = object({
    function         = string
    schedule_group   = string
    schedule_role    = string
    cursor_parameter = string
  })
}

variable "aws" {
  description = "Where the function runs."
  type = object({
    account_id = string
    dns_suffix = string
    partition  = string
    region     = string
  })
}

variable "package" {
  description = "What is deployed, and what it was built for."
  type = object({
    function_archive = string
    runtime          = string
    architecture     = string
  })
}

variable "layer_arn" {
  description = "ARN of the layer version that the archive's other function uses."
  type        = string
}

variable "schedule" {
  description = "When the function runs, as EventBridge Scheduler has it."
  type        = string
}

variable "settings" {
  description = "What images are rendered with, as the function that renders them is told."
  type        = string
}

variable "uploads" {
  description = "Where the sources are."
  type = object({
    bucket_arn  = string
    bucket_name = string
    prefix      = string
  })
}

variable "thumbnails" {
  description = "Where the thumbnails are."
  type = object({
    bucket_arn  = string
    bucket_name = string
  })
}

variable "propagate_deletions" {
  description = "Whether thumbnails go when their source does, as the function that renders them is told."
  type        = bool
}

variable "catalog" {
  description = "The table of what became of every source."
  type = object({
    table_arn  = string
    table_name = string
  })
}

variable "metrics_function" {
  description = "Name of the function that renders thumbnails, under which metrics are published."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the catalog."
  type        = string
}

variable "log_kms_key_arn" {
  description = "ARN of the key that encrypts the logs, known once CloudWatch Logs may use it."
  type        = string
}

variable "logs" {
  description = "Where the function logs to, and for how long."
  type = object({
    group_name     = string
    retention_days = number
  })
}

variable "environment" {
  description = "Further environment variables of the function."
  type        = map(string)
  default     = {}
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the roles may do. With null, none does."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Subnets and security groups that the function works in. With null, it is in no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
