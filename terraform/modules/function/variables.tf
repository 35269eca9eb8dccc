variable "name" {
  description = "Name of the function."
  type        = string
}

variable "role_name" {
  description = "Name of the role that the function runs as. With null, it is the function's."
  type        = string
  default     = null
}

variable "description" {
  description = "What the function does, in the words that Lambda's console shows."
  type        = string
}

variable "handler" {
  description = "Where the function begins, as module.function of its archive."
  type        = string
}

variable "aws" {
  description = "Where the function runs."
  type = object({
    account_id = string
    partition  = string
    region     = string
  })
}

variable "package" {
  description = "What is deployed, a file or an object in S3, what it was built for, and the layers that it imports from."
  type = object({
    archive = object({
      file   = string
      object = object({ bucket = string, key = string, version = string, sha256 = string })
    })
    runtime      = string
    architecture = string
    layer_arns   = list(string)
  })
}

variable "sizing" {
  description = "What the function may use."
  type = object({
    memory_mb            = number
    timeout_seconds      = number
    reserved_concurrency = optional(number)
  })
}

variable "snap_start" {
  description = "Whether new execution environments are restored from a snapshot of an initialised one."
  type        = bool
  default     = false
}

variable "environment" {
  description = "What the function is told, known when Terraform plans."
  type        = map(string)
}

variable "references" {
  description = "What the function is told besides, and may be known only once it is made: ARNs and the like."
  type        = map(string)
  default     = {}
}

variable "capabilities" {
  description = "What the function may do, by the names of its policies: a list of statements each, as JSON. Logging, tracing and a network come to it by themselves."
  type        = map(string)
}

variable "logs" {
  description = "Where the function logs to, for how long, and the key that encrypts it, known once CloudWatch Logs may use it."
  type = object({
    group_name     = string
    retention_days = number
    kms_key_arn    = string
  })
}

variable "tracing" {
  description = "Lambda's tracing mode, Active or PassThrough. With null, the function has nothing to trace."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Subnets and security groups that the function works in. With null, it is in no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the role may do. With null, none does."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
