variable "name" {
  description = "Name of the deployment."
  type        = string
}

variable "names" {
  description = "What is called how: the stream, and of the archive Firehose's stream, its role, the bucket, the database of Glue and the workgroup of Athena."
  type = object({
    stream    = string
    delivery  = string
    role      = string
    bucket    = string
    database  = string
    workgroup = string
  })
}

variable "aws" {
  description = "Where the deployment is; ARNs in policies are built from this."
  type = object({
    account_id = string
    dns_suffix = string
    partition  = string
    region     = string
  })
}

variable "stream" {
  description = "Whether the stream is made (create) or was there before (existing); of one that was, its ARN and the key that it is encrypted with, if it is."
  type = object({
    mode        = string
    arn         = optional(string)
    kms_key_arn = optional(string)
  })
}

variable "shards" {
  description = "How many shards a stream has that is made; null where it is on demand."
  type        = number
  default     = null
}

variable "retention_hours" {
  description = "For how many hours a stream that is made keeps records."
  type        = number
  default     = 24
}

variable "archive" {
  description = "After how many seconds at most a file is written, for how many days files are kept, for ever with null, and how many gigabytes a query may read at most. With null there is no archive."
  type = object({
    buffering_seconds = number
    days              = number
    query_gigabytes   = number
  })
  default = null
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the stream, the bucket and the answers to queries."
  type        = string
}

variable "logs" {
  description = "Firehose's log group: its name, for how many days it keeps lines, and the key that encrypts them."
  type = object({
    group_name     = string
    retention_days = number
    kms_key_arn    = string
  })
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what Firehose's role may do. With null, none does."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether destroying the archive also destroys what is in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
