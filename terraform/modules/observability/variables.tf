variable "name" {
  description = "Name of the deployment; alarms, dashboard and queries are named after it."
  type        = string
}

variable "aws" {
  description = "Where the deployment is; links lead there, and the partition decides on the console's address."
  type = object({
    partition = string
    region    = string
  })
}

variable "queue" {
  description = "The work queue, and for how long it keeps messages."
  type = object({
    name           = string
    url            = string
    retention_days = number
  })
}

variable "backfill" {
  description = "The backfill queue, which keeps messages as long as the work queue, and how many invocations it may have at a time."
  type = object({
    name                = string
    url                 = string
    maximum_concurrency = number
  })
}

variable "dlq" {
  description = "The dead-letter queue."
  type = object({
    name = string
    url  = string
  })
}

variable "function" {
  description = "The function that renders thumbnails: its name, what it may use, for the work queue alone where it is concurrency, and how many thumbnails it makes of an image."
  type = object({
    name                = string
    architecture        = string
    memory_mb           = number
    timeout_seconds     = number
    maximum_concurrency = number
    renditions          = number
  })
}

variable "sampling" {
  description = "Rule by which X-Ray samples requests to the service that uploads: its own name, the service's, so many requests a second (reservoir), a share of the others (rate), and its rank among all rules. With null there is none."
  type = object({
    name         = string
    service_name = string
    rate         = number
    reservoir    = number
    priority     = number
  })
  default = null
}

variable "log_group_name" {
  description = "Name of the function's log group."
  type        = string
}

variable "catalog" {
  description = "The catalog table, and its index of failed sources."
  type = object({
    table_name          = string
    failures_index_name = string
  })
}

variable "reconciler" {
  description = "The function that checks whether every source object has its thumbnails, and the group of its schedule; null where nobody checks."
  type = object({
    name                = string
    schedule_group_name = string
  })
  default = null
}

variable "publishers" {
  description = "The functions that announce what changed in the catalog, by what they are called in the names of alarms: the name of each, of what it announces on (what), of its log group and of the bucket for what could not be announced, the mapping from the stream to it, and for how many hours it is tried."
  type = map(object({
    name             = string
    what             = string
    log_group_name   = string
    mapping_uuid     = string
    record_age_hours = number
    parked_bucket    = string
  }))
  default = {}
}

variable "changes" {
  description = "The change stream, and what its archive is made of; null where there is no archive, or no stream."
  type = object({
    stream_name = string
    archive = optional(object({
      bucket_name    = string
      delivery_name  = string
      role_name      = string
      log_group_name = string
      database_name  = string
      table_name     = string
    }))
  })
  default = null
}

variable "api" {
  description = "The front door: the API's id, stage and routes, its function, the log groups of both and the table of asks, and how many requests a second it lets through; null where there is none."
  type = object({
    id              = string
    stage           = string
    routes          = list(string)
    function_name   = string
    log_group_name  = string
    access_logs     = string
    asks_table_name = string
    throttle        = number
  })
  default = null
}

variable "devices" {
  description = "The door for devices: the topic rule, by asks, status and admission the functions and their log groups, the queue of what came to nothing and the table of asks; null where there is none."
  type = object({
    rule_name       = string
    functions       = map(string)
    log_group_names = map(string)
    errors          = object({ name = string, url = string })
    asks_table_name = string
  })
  default = null
}

variable "jobs" {
  description = "Bulk jobs in the account: the function that works on ranges of keys, its log group, the queue of ranges and the table of jobs; null where there are none."
  type = object({
    function_name  = string
    log_group_name = string
    queue_name     = string
    table_name     = string
  })
  default = null
}

variable "topics" {
  description = "The topics that people subscribe to, by tier: failures, warning and critical."
  type = map(object({
    arn  = string
    name = string
  }))
}

variable "thresholds" {
  description = "What is too much; see the root module's alarm_thresholds."
  type = object({
    late_seconds            = number
    busy_percent            = number
    oldest_percent          = number
    oldest_critical_percent = number
    dead_letters_critical   = number
    failed_percent          = number
    failed_critical_percent = number
    failed_minimum          = number
    error_percent           = number
    crashes                 = number
    catalog_throttles       = number
    silent_minutes          = number
  })
}

variable "runbook_url" {
  description = "Where the runbook is read; each alarm links to the section that has its name."
  type        = string
}

variable "xray_group_name" {
  description = "Name of the X-Ray group, which may be shorter than that of the deployment."
  type        = string
}

variable "saved_searches" {
  description = "Whether the Logs Insights queries and the X-Ray group are saved."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
