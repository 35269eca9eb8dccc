variable "names" {
  description = "Names of the function, which its role shares, and of its layer."
  type = object({
    function = string
    layer    = string
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
    layer_archive    = string
    runtime          = string
    architecture     = string
  })
}

variable "sizing" {
  description = "What the function may use."
  type = object({
    memory_mb            = number
    timeout_seconds      = number
    reserved_concurrency = optional(number)
  })
}

variable "snap_start" {
  description = "Whether new execution environments are restored from a snapshot of an initialised one."
  type        = bool
  default     = false
}

variable "parallelism" {
  description = "How much one invocation does side by side. What is null, the function derives from its memory."
  type = object({
    images  = optional(number)
    renders = optional(number)
    writes  = optional(number)
  })
  default = {}
}

variable "batching" {
  description = "How messages are gathered into one invocation."
  type = object({
    size           = number
    window_seconds = number
  })
}

variable "settings" {
  description = "What to render, and what a source may cost: the document that the function is configured with."
  type = object({
    renditions = list(object({
      name       = string
      width      = number
      height     = number
      fit        = string
      format     = string
      quality    = number
      crop       = string
      background = string
      enlarge    = bool
      effort     = optional(number)
    }))
    limits = object({
      bytes           = number
      pixels          = number
      side            = number
      frames          = number
      animated_pixels = number
    })
    animation = string
    truncated = string
  })
}

variable "uploads" {
  description = "Where sources are read from."
  type = object({
    bucket_arn  = string
    bucket_name = string
    prefix      = string
  })
}

variable "thumbnails" {
  description = "Where thumbnails are written to."
  type = object({
    bucket_arn  = string
    bucket_name = string
  })
}

variable "propagate_deletions" {
  description = "Whether thumbnails go when their source does."
  type        = bool
}

variable "cache_control" {
  description = "What thumbnails are stored with, for whoever keeps copies of them; empty for nothing."
  type        = string
}

variable "catalog" {
  description = "The table of what became of every source."
  type = object({
    table_arn  = string
    table_name = string
  })
}

variable "queues" {
  description = "The queues that the function works off, and either how many invocations each may have at a time or its provisioned pollers."
  type = map(object({
    arn                 = string
    maximum_concurrency = optional(number)
    pollers             = optional(object({ minimum = number, maximum = number }))
  }))
}

variable "alerts_topic_arn" {
  description = "ARN of the topic for digests of failures."
  type        = string
}

variable "digests" {
  description = "The table in which digests of failures are spaced out, and for how long each keeps others of its reason silent."
  type = object({
    table_arn      = string
    table_name     = string
    window_seconds = number
  })
}

variable "runbook_url" {
  description = "Where the runbook is read; digests of failures link to it."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts whatever the function reads and writes."
  type        = string
}

variable "other_kms_key_arns" {
  description = "ARNs of keys that others encrypt buckets or topics with which the function reads from and writes to."
  type        = list(string)
  default     = []
}

variable "log_kms_key_arn" {
  description = "ARN of the key that encrypts the logs, known once CloudWatch Logs may use it."
  type        = string
}

variable "tombstone_days" {
  description = "Days for which a deleted source is remembered, so that a late event cannot bring its thumbnails back."
  type        = number
}

variable "retry_first_seconds" {
  description = "Seconds that a message at most waits after its first failure that may pass."
  type        = number
}

variable "logs" {
  description = "Where the function logs to, how much, and for how long."
  type = object({
    group_name        = string
    level             = string
    debug_sample_rate = number
    retention_days    = number
  })
}

variable "tracing" {
  description = "Lambda's tracing mode, Active or PassThrough."
  type        = string
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
