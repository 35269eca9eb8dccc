# Defaults and rules of what is optional here are the module's: null stands for its default.

variable "name" {
  description = "Name of the deployment; everything is named after it."
  type        = string
}

variable "region" {
  description = "AWS region to deploy to."
  type        = string
}

variable "function_archive" {
  description = "Path of the function's zip file, which is built outside Terraform."
  type        = string
}

variable "layer_archive" {
  description = "Path of the zip file of the function's layer, built outside Terraform."
  type        = string
}

variable "alert_subscriptions" {
  description = "Who receives alerts and alarms, by a name of your choice. With nobody in it, failures go unheard."
  type = map(object({
    protocol               = string
    endpoint               = string
    tiers                  = optional(set(string))
    filter_policy          = optional(string)
    raw_message_delivery   = optional(bool)
    endpoint_auto_confirms = optional(bool)
    delivery_policy        = optional(string)
    undelivered_queue_arn  = optional(string)
  }))
}

variable "chat_channels" {
  description = "Channels of Slack and Microsoft Teams that hear of alarms, by a name of your choice."
  type = object({
    slack = optional(map(object({
      workspace_id = string
      channel_id   = string
      tiers        = optional(set(string))
    })))
    teams = optional(map(object({
      tenant_id  = string
      team_id    = string
      channel_id = string
      tiers      = optional(set(string))
    })))
  })
  default = {}
}

variable "alarm_thresholds" {
  description = "What is too much; see the module's variable of the same name."
  type = object({
    late_seconds            = optional(number)
    busy_percent            = optional(number)
    oldest_percent          = optional(number)
    oldest_critical_percent = optional(number)
    dead_letters_critical   = optional(number)
    failed_percent          = optional(number)
    failed_critical_percent = optional(number)
    failed_minimum          = optional(number)
    error_percent           = optional(number)
    crashes                 = optional(number)
    catalog_throttles       = optional(number)
    silent_minutes          = optional(number)
  })
  default = {}
}

variable "runbook_url" {
  description = "Where your on-call engineers read docs/runbook.md: alarms and digests link to its sections."
  type        = string
}

variable "digest_window_seconds" {
  description = "How long a digest of failures keeps further digests of the same reason silent, in seconds."
  type        = number
  default     = 900
}

variable "renditions" {
  description = "The thumbnails to make of every source."
  type = list(object({
    name       = string
    width      = number
    height     = number
    fit        = optional(string)
    format     = optional(string)
    quality    = optional(number)
    crop       = optional(string)
    background = optional(string)
    enlarge    = optional(bool)
    effort     = optional(number)
  }))
  default = null
}

variable "source_prefix" {
  description = "Start of the keys in the uploads bucket that are watched. With an empty one, the whole bucket is."
  type        = string
  default     = ""
}

variable "uploads_bucket" {
  description = "The bucket that images are uploaded to, made here (create) or there before (existing, eventbridge); see the module's variable of the same name."
  type = object({
    mode        = optional(string)
    name        = optional(string)
    account_id  = optional(string)
    kms_key_arn = optional(string)
  })
  default = {}
}

variable "thumbnails_bucket" {
  description = "The bucket that thumbnails are stored in, made here (create) or there before (existing); see the module's variable of the same name."
  type = object({
    mode        = optional(string)
    name        = optional(string)
    kms_key_arn = optional(string)
  })
  default = {}
}

variable "distribution_arns" {
  description = "ARNs of CloudFront distributions that serve the thumbnails."
  type        = list(string)
  default     = []
}

variable "uploads_transition" {
  description = "After how many days originals move to another storage class, and to which; see the module's variable of the same name."
  type = object({
    days          = number
    storage_class = string
  })
  default = null
}

variable "propagate_deletions" {
  description = "Whether thumbnails go when their original does."
  type        = bool
  default     = true
}

variable "cache_control" {
  description = "What browsers and CloudFront are told about keeping copies of thumbnails."
  type        = string
  default     = "public, max-age=3600"
}

variable "cors" {
  description = "Origins of the web pages whose scripts may read thumbnails; with null, none may."
  type = object({
    origins         = set(string)
    max_age_seconds = optional(number)
  })
  default = null
}

variable "cdn" {
  description = "A CloudFront distribution that serves the thumbnails to everybody; with null there is none."
  type = object({
    aliases         = optional(set(string))
    certificate_arn = optional(string)
    price_class     = optional(string)
    web_acl_arn     = optional(string)
    logs_bucket     = optional(string)
  })
  default = null
}

variable "memory_mb" {
  description = "Memory of the function in MB."
  type        = number
}

variable "timeout_seconds" {
  description = "Seconds that the function has for a batch."
  type        = number
}

variable "batching" {
  description = "How many messages one invocation gets at most, and how many seconds it waits for them."
  type = object({
    size           = number
    window_seconds = number
  })
}

variable "snap_start" {
  description = "Whether new execution environments are restored from a snapshot of an initialised one, which AWS charges for."
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

variable "maximum_concurrency" {
  description = "How many invocations run at a time at most for what is uploaded."
  type        = number
}

variable "pollers" {
  description = "Provisioned pollers of the work queue in place of maximum_concurrency, at least and at most; AWS charges for every hour of each."
  type = object({
    minimum = optional(number)
    maximum = number
  })
  default = null
}

variable "backfill" {
  description = "What a backfill may use beside the uploads: how many invocations run at a time at most for it."
  type = object({
    maximum_concurrency = optional(number)
    pollers = optional(object({
      minimum = optional(number)
      maximum = number
    }))
  })
}

variable "reserved_concurrency" {
  description = "How many of the account's concurrent executions are set aside for the function. With null, none are."
  type        = number
  default     = null
}

variable "reconcile" {
  description = "When to check that every source object has its thumbnails; with null, nobody does."
  type = object({
    schedule = string
  })
  default = null
}

variable "retention" {
  description = "Days for which messages, dead letters, logs, tombstones and overwritten uploads are kept."
  type = object({
    queue_days             = optional(number)
    dlq_days               = optional(number)
    log_days               = optional(number)
    tombstone_days         = optional(number)
    noncurrent_days        = optional(number)
    incomplete_upload_days = optional(number)
  })
}

variable "tracing" {
  description = "Which invocations X-Ray records; see the module's variable of the same name."
  type = object({
    mode = optional(string)
    sampling = optional(object({
      service_name = string
      rate         = number
      reservoir    = optional(number)
      priority     = optional(number)
    }))
  })
  default = {}
}

variable "log_level" {
  description = "The least severe messages that the function logs."
  type        = string
  default     = "INFO"
}

variable "debug_sample_rate" {
  description = "Share of invocations, from 0 to 1, that log at DEBUG whatever log_level says."
  type        = number
  default     = 0
}

variable "deletion_protection" {
  description = "Whether destroying the deployment is refused while there is anything in it that would be lost."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "ARN of a key that encrypts everything at rest. With null, a key is made."
  type        = string
  default     = null
}

variable "log_kms_key_arn" {
  description = "ARN of a key that encrypts the logs. With null, it is the key of everything else."
  type        = string
  default     = null
}

variable "alert_topics" {
  description = "Topics that take the place of the deployment's own, by tier; see the module's variable of the same name."
  type = map(object({
    arn         = string
    kms_key_arn = optional(string)
  }))
  default = {}
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the roles of the deployment may do. With null, none does."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Subnets and security groups that the functions work in. With null, they are in no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null
}
