variable "function" {
  description = "What every function has: name, code, log group, further environment variables, network and boundary."
  type = object({
    name      = string
    role_name = optional(string)
    package = object({
      archive = object({
        file   = string
        object = object({ bucket = string, key = string, version = string, sha256 = string })
      })
      runtime      = string
      architecture = string
      layer_arns   = list(string)
    })
    logs = object({
      group_name     = string
      retention_days = number
      kms_key_arn    = string
    })
    environment = optional(map(string), {})
    vpc = optional(object({
      subnet_ids         = set(string)
      security_group_ids = set(string)
    }))
    permissions_boundary_arn = optional(string)
  })
}

variable "names" {
  description = "Names of the schedule's group and role, and of the parameter that holds the cursor; the schedule is called like the function."
  type = object({
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

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
