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
  description = "Names of the queue of ranges, the table of jobs, and the schedule's group and role; the schedule is called like the function."
  type = object({
    ranges_queue   = string
    jobs_table     = string
    schedule_group = string
    schedule_role  = string
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

variable "metrics_function" {
  description = "Name of the function that renders thumbnails, under which a reconciliation publishes how complete its work is."
  type        = string
}

variable "reconcile" {
  description = "Whether jobs may compare both buckets with the catalog, and delete thumbnails that no row lists (repair); when one is begun by itself (schedule, none with null), and what that may cost (dollars). Null where there are no such jobs."
  type = object({
    schedule = optional(string)
    dollars  = optional(number)
    repair   = bool
  })
  default = null
}

variable "inventories" {
  description = "The objects of inventories that jobs may read instead of listing sources, as a policy names them, and the keys that these are encrypted with."
  type = object({
    object_arns  = optional(list(string), [])
    kms_key_arns = optional(list(string), [])
  })
  default = {}
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
