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

variable "aws" {
  description = "Where the function runs."
  type = object({
    account_id = string
    dns_suffix = string
    partition  = string
    region     = string
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
    include   = list(string)
    exclude   = list(string)
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

  validation {
    # A thumbnail that lands in the watched bucket is an upload, and gets thumbnails of its own, for ever.
    condition     = var.thumbnails.bucket_name != var.uploads.bucket_name
    error_message = "Thumbnails cannot go to the uploads bucket: every thumbnail would trigger the function again. Name another bucket in thumbnails_bucket."
  }
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

variable "tombstone_days" {
  description = "Days for which a deleted source is remembered, so that a late event cannot bring its thumbnails back."
  type        = number
}

variable "retry_first_seconds" {
  description = "Seconds that a message at most waits after its first failure that may pass."
  type        = number
}

variable "retry_denied_seconds" {
  description = "Seconds for which an image that S3 denies the function is tried again."
  type        = number
}

variable "max_receive_count" {
  description = "How often a message is delivered at most."
  type        = number
}

variable "logging" {
  description = "How much the function logs."
  type = object({
    level             = string
    debug_sample_rate = number
  })
}

variable "tracing" {
  description = "Lambda's tracing mode, Active or PassThrough."
  type        = string
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
