variable "name" {
  description = "Name of the deployment."
  type        = string
}

variable "names" {
  description = "Names of the topics by tier, of the table of digests, and by the names of chat channels, of their configurations and roles."
  type = object({
    topics = object({
      failures = string
      warning  = string
      critical = string
    })
    digests_table = string
    chat_channels = optional(map(string), {})
    chat_roles    = optional(map(string), {})
  })
}

variable "aws" {
  description = "Where the topics live; ARNs in their policies are built from this."
  type = object({
    account_id = string
    partition  = string
    region     = string
  })
}

variable "existing_topics" {
  description = "Topics that were there before, by tier, which are used as they are: ARN, and the key that encrypts them. Of the other tiers, topics are made."
  type = map(object({
    arn         = string
    kms_key_arn = optional(string)
  }))
  default = {}
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts messages at rest."
  type        = string
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "subscriptions" {
  description = "Who hears of which tiers, by a name of your choice."
  type = map(object({
    protocol               = string
    endpoint               = string
    tiers                  = set(string)
    filter_policy          = optional(string)
    raw_message_delivery   = optional(bool, false)
    endpoint_auto_confirms = optional(bool, true)
    delivery_policy        = optional(string)
    undelivered_queue_arn  = optional(string)
  }))
  default = {}
}

variable "chat_channels" {
  description = "Channels of Slack and Teams that hear of alarms, by a name of your choice."
  type = object({
    slack = map(object({
      workspace_id = string
      channel_id   = string
      tiers        = set(string)
    }))
    teams = map(object({
      tenant_id  = string
      team_id    = string
      channel_id = string
      tiers      = set(string)
    }))
  })
  default = { slack = {}, teams = {} }
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the roles of chat channels may do. With null, none does."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
