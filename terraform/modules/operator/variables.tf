variable "aws" {
  description = "Where the pipeline runs."
  type = object({
    dns_suffix = string
    region     = string
  })
}

variable "parameter_arn" {
  description = "ARN of the parameter in which tools find the deployment."
  type        = string
}

variable "uploads" {
  description = "Where sources are read from."
  type = object({
    bucket_arn = string
    prefix     = string
  })
}

variable "thumbnails_bucket_arn" {
  description = "ARN of the bucket that holds the thumbnails."
  type        = string
}

variable "queue_arns" {
  description = "ARNs of the queues: work, backfill and dead_letters."
  type = object({
    work         = string
    backfill     = string
    dead_letters = string
  })
}

variable "function_arn" {
  description = "ARN of the function that renders thumbnails."
  type        = string
}

variable "layer_arn" {
  description = "ARN of a version of the layer that the function uses."
  type        = string
}

variable "mapping_arns" {
  description = "ARNs of the mappings from the queues to the function."
  type        = list(string)
}

variable "log_group_arn" {
  description = "ARN of the function's log group."
  type        = string
}

variable "catalog" {
  description = "The catalog table, and its index of failed sources."
  type = object({
    table_arn           = string
    failures_index_name = string
  })
}

variable "alarms_arn" {
  description = "What the ARNs of all alarms begin with, without the colon before the name."
  type        = string
}

variable "tested_alarms" {
  description = "Names of the alarms with which channels can be tested."
  type        = list(string)
}

variable "topic_arns" {
  description = "ARNs of the topics by tier: failures, warning and critical."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts everything at rest."
  type        = string
}

variable "other_kms_key_arns" {
  description = "ARNs of keys that others encrypt buckets or topics with."
  type        = list(string)
  default     = []
}

variable "rule_arn" {
  description = "ARN of the rule that sends what EventBridge is told of to the work queue; null where the bucket itself does."
  type        = string
  default     = null
}

variable "announcing" {
  description = "Who announces what became of images, and where: the functions, the mappings that feed them, the bus and the stream with its key, null where there is none, and the bucket for what could not be announced. Null where nothing is announced."
  type = object({
    function_arns             = list(string)
    mapping_arns              = list(string)
    event_bus_arn             = optional(string)
    change_stream_arn         = optional(string)
    change_stream_kms_key_arn = optional(string)
    parked_bucket_arn         = string
  })
  default = null
}

variable "forgetting" {
  description = "The table in which the API remembers what users ask for, if there is one, and whether rows have to be deleted where nobody tells the function of deletions."
  type = object({
    asks_table_arn = optional(string)
    rows           = optional(bool, false)
  })
  default = {}
}

variable "devices" {
  description = "The door for devices: what ARNs of AWS IoT begin with (iot_arn), the policy of its things, the table in which it remembers what they ask for, its functions and their log groups, and the queue of what came to nothing. Null where there is none."
  type = object({
    iot_arn         = string
    policy_name     = string
    asks_table_arn  = string
    function_arns   = list(string)
    log_group_arns  = list(string)
    error_queue_arn = string
  })
  default = null
}

variable "jobs" {
  description = "The table of bulk jobs that run in the account, the queue that wakes their workers up and the mapping from it, the workers' function and its log group, and the objects of inventories that jobs may read, with the keys that these are encrypted with. Null where there are none."
  type = object({
    table_arn     = string
    queue_arn     = string
    mapping_arn   = string
    function_arn  = string
    log_group_arn = string
    inventories = optional(object({
      object_arns  = optional(list(string), [])
      kms_key_arns = optional(list(string), [])
    }), {})
  })
  default = null
}
