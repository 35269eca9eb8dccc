# What only the emulator needs

variable "endpoint_url" {
  description = "URL of the emulator, for Terraform and for the function."
  type        = string

  validation {
    condition     = can(regex("^https?://", var.endpoint_url))
    error_message = "endpoint_url must be a URL, such as http://127.0.0.1:4566."
  }
}

variable "xray_daemon_address" {
  description = "Host and port that the function sends its traces to. Lambda runs an X-Ray daemon beside the function; the emulator runs none."
  type        = string

  validation {
    condition     = can(regex("^[^:/]+:[0-9]+$", var.xray_daemon_address))
    error_message = "xray_daemon_address must be a host and a port, such as 127.0.0.1:2000."
  }
}

variable "saved_searches" {
  description = "Off, because the emulator knows neither saved queries nor X-Ray groups."
  type        = bool
  default     = false
}

variable "region" {
  description = "Region that the emulator answers for."
  type        = string
  default     = "us-east-1"
}

variable "plaintext_source_cidrs" {
  description = "Addresses that may do without TLS: the loopback ones, since the emulator speaks HTTP. Everybody else is denied as in production."
  type        = list(string)
  default     = ["127.0.0.0/8", "::1/128"]
}

variable "deletion_protection" {
  description = "Off, unlike in production: a local stack is thrown away with everything in it."
  type        = bool
  default     = false
}

variable "function_environment" {
  description = "Further environment variables of the function, such as an endpoint with faults in between."
  type        = map(string)
  default     = {}
}

# What is deployed

variable "name" {
  description = "Name of the deployment; everything is named after it."
  type        = string
}

variable "function_archive" {
  description = "Path of the function's zip file."
  type        = string
}

variable "layer_archive" {
  description = "Path of the zip file of the function's layer. The emulator runs it with an interpreter of this machine, so it must be built for that one."
  type        = string
}

variable "runtime" {
  description = "Lambda runtime to declare. The emulator runs Python functions with its own interpreter, whatever this says."
  type        = string
  default     = "python3.13"
}

variable "architecture" {
  description = "Processor architecture to declare. The emulator runs functions on this machine's, whatever this says."
  type        = string
  default     = "arm64"
}

variable "alert_subscriptions" {
  description = "Who receives alerts, by a name of your choice: usually a queue that a test reads."
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
  default = {}
}

variable "digest_window_seconds" {
  description = "How long a digest of failures keeps further digests of the same reason silent, in seconds. The shortest there is, so that nobody waits for the next one to be seen."
  type        = number
  default     = 60
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
  description = "Where the runbook is read; alarms and digests link to its sections."
  type        = string
  default     = "docs/runbook.md"
}

variable "debug_sample_rate" {
  description = "Share of invocations, from 0 to 1, that log at DEBUG whatever log_level says."
  type        = number
  default     = 0
}

# What is rendered; null stands for the module's default

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

variable "limits" {
  description = "What a source may cost at most."
  type = object({
    bytes           = optional(number)
    pixels          = optional(number)
    side            = optional(number)
    frames          = optional(number)
    animated_pixels = optional(number)
  })
  default = {}
}

variable "animation" {
  description = "What becomes of an animation: animate or first-frame."
  type        = string
  default     = "first-frame"
}

variable "truncated" {
  description = "What becomes of a file that ends too early: fail or render."
  type        = string
  default     = "fail"
}

variable "source_prefix" {
  description = "Start of the keys in the uploads bucket that are watched."
  type        = string
  default     = ""
}

# Sizes

variable "batching" {
  description = "How many messages one invocation gets at most, and how many seconds it waits for them. The emulator does not wait."
  type = object({
    size           = optional(number)
    window_seconds = optional(number)
  })
  default = {}
}

variable "memory_mb" {
  description = "Memory of the function in MB."
  type        = number
  default     = 1769
}

variable "timeout_seconds" {
  description = "Seconds that the function has for a batch. Fewer than in production, because the visibility timeout is six times as long, and a test that lets a worker crash waits for it."
  type        = number
  default     = 10
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

variable "propagate_deletions" {
  description = "Whether thumbnails go when their original does."
  type        = bool
  default     = true
}

variable "cache_control" {
  description = "What browsers are told about keeping copies of thumbnails."
  type        = string
  default     = "public, max-age=3600"
}

variable "maximum_concurrency" {
  description = "How many invocations run at a time at most for what is uploaded. Fewer than in production: all of them share this machine's processors."
  type        = number
  default     = 2
}

variable "backfill" {
  description = "What a backfill may use beside the uploads. Fewer invocations than in production: all of them share this machine's processors."
  type = object({
    maximum_concurrency = number
  })
  default = { maximum_concurrency = 2 }
}

variable "reserved_concurrency" {
  description = "How many concurrent executions are set aside for the function. With null, none are."
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

variable "retry_first_seconds" {
  description = "How long a message at most waits after its first failure that may pass. Shorter than in production, so that nobody waits for a retry to be seen."
  type        = number
  default     = 1
}

variable "max_receive_count" {
  description = "How often a message is tried before it becomes a dead letter. Fewer than in production, so that nobody waits for five visibility timeouts to see one."
  type        = number
  default     = 3
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
  default = {}
}

variable "log_level" {
  description = "The least severe messages that the function logs."
  type        = string
  default     = "INFO"
}
