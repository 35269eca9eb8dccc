variable "function" {
  description = "What every function has: name, code, log group, further environment variables, network and boundary."
  type = object({
    name = string
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
  description = "Names of the queue of ranges and the table of jobs."
  type = object({
    ranges_queue = string
    jobs_table   = string
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

variable "ranges_at_a_time" {
  description = "How many ranges are worked on at a time at most."
  type        = number
}

variable "settings" {
  description = "What images are rendered with, as the function that renders them is told."
  type        = string
}

variable "uploads" {
  description = "Where the sources are."
  type = object({
    bucket_arn = string
  })
}

variable "catalog" {
  description = "The table of what became of every source."
  type = object({
    table_arn  = string
    table_name = string
  })
}

variable "backfill" {
  description = "The queue of messages about sources that have been there for long, and the mapping that feeds the function which renders from it."
  type = object({
    queue_arn    = string
    queue_url    = string
    mapping_arn  = string
    mapping_uuid = string
  })
}

variable "dead_letters" {
  description = "The queue of dead letters."
  type = object({
    queue_arn = string
    queue_url = string
  })
}

variable "without_tls" {
  description = "Condition that holds for requests without TLS, which are denied."
  type        = map(map(list(string)))
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts queues and tables."
  type        = string
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
