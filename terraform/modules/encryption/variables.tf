variable "name" {
  description = "Name of the deployment; the key's alias is named after it."
  type        = string
}

variable "aws" {
  description = "Where the key lives; ARNs in its policy are built from this."
  type = object({
    account_id = string
    dns_suffix = string
    partition  = string
    region     = string
  })
}

variable "modes" {
  description = "Whether a key is made (create) or there already (existing), whether the logs have the same or one that is there already (existing), and what becomes of a key that was made when another takes its place: keep, delete, or null where nobody has said."
  type = object({
    key      = string
    log_key  = string
    made_key = optional(string)
  })
  default = { key = "create", log_key = "same" }
}

variable "existing_key_arn" {
  description = "ARN of somebody else's key, which is used as it is."
  type        = string
  default     = null
}

variable "existing_log_key_arn" {
  description = "ARN of somebody else's key for the logs alone."
  type        = string
  default     = null
}

variable "sender" {
  description = "Who sends to the queue that is encrypted with the key: a service, under the condition that tells on whose behalf it does."
  type = object({
    service   = string
    condition = map(map(string))
  })
}

variable "log_group_arns" {
  description = "ARNs of the log groups that are encrypted."
  type        = list(string)
}

variable "event_bus_arn" {
  description = "ARN of the bus whose events are encrypted with the key. With null there is none."
  type        = string
  default     = null
}

variable "undelivered_events" {
  description = "Whether EventBridge sends what it cannot deliver to a queue that is encrypted with the key."
  type        = bool
  default     = false
}

variable "deletion_window_days" {
  description = "Days between the destruction of the key and the moment at which nothing encrypted with it can be read again."
  type        = number
  default     = 30
}

variable "distribution_arns" {
  description = "ARNs of CloudFront distributions that may read what is encrypted with the key."
  type        = list(string)
  default     = []
}

variable "further_statements" {
  description = "Further statements of the key's policy, as JSON each."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the key."
  type        = map(string)
  default     = {}
}
