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

variable "description" {
  description = "What the function does, in the words that Lambda's console shows."
  type        = string
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

variable "deployment" {
  description = "Name of the deployment, by which consumers tell its announcements from another's."
  type        = string
}

variable "destination" {
  description = "Where the function announces: on a bus (events) or in a stream of Kinesis (changes), its ARN, what the function is told of it, and the key that the function has to encrypt with, null where there is none."
  type = object({
    name        = string
    arn         = string
    references  = map(string)
    kms_key_arn = optional(string)
  })
}

variable "stream_arn" {
  description = "ARN of the stream of the catalog's changes."
  type        = string
}

variable "table_arn" {
  description = "ARN of the catalog, whose streams the function may read."
  type        = string
}

variable "backfills" {
  description = "Whether what a backfill made is announced too. Lambda leaves it out before it invokes the function."
  type        = bool
}

variable "retries" {
  description = "How often and for how many hours a batch is tried that cannot be announced."
  type = object({
    attempts         = number
    record_age_hours = number
  })
}

variable "parked" {
  description = "The bucket for what was tried so often, or so long."
  type        = object({ bucket_arn = string })
}

variable "kms_key_arns" {
  description = "ARNs of the keys of the stream. The first is the bucket's as well."
  type        = list(string)
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
