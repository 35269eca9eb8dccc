variable "functions" {
  description = "What every function has, by what it does (asks, status, and with provisioning admission): name, code, log group, further environment variables, network and boundary."
  type = map(object({
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
  }))
}

variable "aws" {
  description = "Where the functions run, and devices connect to."
  type = object({
    account_id = string
    dns_suffix = string
    partition  = string
    region     = string
  })
}

variable "names" {
  description = "What everything is called: the type of the things and their policy, the topic rule and its role, the queue of errors, the table of asks, the rule on the bus; of provisioning the template, its role and the claims' policy; and the role alias and its role."
  type = object({
    thing_type        = string
    policy            = string
    rule              = string
    rule_role         = string
    errors            = string
    asks_table        = string
    status_rule       = string
    template          = string
    provisioning_role = string
    claim_policy      = string
    role_alias        = string
    device_role       = string
  })
}

variable "deployment" {
  description = "Name of the deployment, by which its events are told from another's."
  type        = string
}

variable "topic_prefix" {
  description = "What the topics of devices begin with, before the name of the thing."
  type        = string
}

variable "bus_arn" {
  description = "ARN of the bus, of this account, on which images are announced."
  type        = string
}

variable "uploads" {
  description = "The bucket that is uploaded to, the start of the keys in it that are watched, and the key that it encrypts with."
  type = object({
    bucket_arn  = string
    bucket_name = string
    prefix      = string
    kms_key_arn = string
  })
}

variable "source_keys" {
  description = "Which keys are images' at all, by globs."
  type = object({
    include = list(string)
    exclude = list(string)
  })
}

variable "catalog" {
  description = "The catalog, which the function reads devices' rows of."
  type = object({
    table_arn  = string
    table_name = string
  })
}

variable "kms_key_arns" {
  description = "ARNs of the keys of the tables. The first is the one in use, and the queue's as well."
  type        = list(string)
}

variable "limits" {
  description = "What an upload may be, and how much one device may ask for."
  type = object({
    bytes         = number
    types         = set(string)
    asks_a_minute = number
    bytes_a_day   = number
  })
}

variable "url_minutes" {
  description = "Minutes for which an address is valid to which an image may be put."
  type        = number
}

variable "reserved_concurrency" {
  description = "How many of the account's concurrent executions are set aside for the answers to asks, and for statuses. With null, none are."
  type = object({
    asks   = optional(number)
    status = optional(number)
  })
  default = {}
}

variable "provisioning" {
  description = "Fleet provisioning by claim. With null, there is none."
  type        = object({})
  default     = null
}

variable "role_alias" {
  description = "Whether devices may have credentials of AWS."
  type        = bool
  default     = false
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "log_level" {
  description = "The least severe messages that the functions log."
  type        = string
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
