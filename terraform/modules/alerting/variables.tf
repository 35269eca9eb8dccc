variable "name" {
  description = "Name of the deployment; the topic is named after it."
  type        = string
}

variable "aws" {
  description = "Where the topic lives; ARNs in its policy are built from this."
  type = object({
    account_id = string
    partition  = string
    region     = string
  })
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts messages at rest."
  type        = string
}

variable "dlq_name" {
  description = "Name of the dead-letter queue, which must be empty."
  type        = string
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "subscriptions" {
  description = "Who receives alerts, by a name of your choice."
  type = map(object({
    protocol             = string
    endpoint             = string
    filter_policy        = optional(string)
    raw_message_delivery = optional(bool, false)
  }))
  default = {}
}

variable "tags" {
  description = "Tags of the topic."
  type        = map(string)
  default     = {}
}
