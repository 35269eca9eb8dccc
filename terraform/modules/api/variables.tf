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

variable "aws" {
  description = "Where the function runs."
  type = object({
    account_id = string
    dns_suffix = string
    partition  = string
    region     = string
  })
}

variable "names" {
  description = "What the API, the table of asks and the log group of requests are called."
  type = object({
    api         = string
    asks_table  = string
    access_logs = string
  })
}

variable "tokens" {
  description = "Whose tokens are taken: their issuer, whether that is a user pool of which every sub is known to be a plain identifier (own), for whom they are (audience), and the names of the scopes by what they allow: upload, read and delete."
  type = object({
    issuer   = string
    own      = bool
    audience = set(string)
    scopes   = map(string)
  })
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

variable "thumbnails" {
  description = "The bucket of the thumbnails, and the keys that they are encrypted with."
  type = object({
    bucket_arn   = string
    bucket_name  = string
    kms_key_arns = list(string)
  })
}

variable "catalog" {
  description = "The catalog, which the function reads users' rows of."
  type = object({
    table_arn  = string
    table_name = string
  })
}

variable "kms_key_arns" {
  description = "ARNs of the keys of the tables. The first is the one in use."
  type        = list(string)
}

variable "limits" {
  description = "What an upload may be, and how much one user may ask for."
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

variable "throttle" {
  description = "How many requests a second the gateway lets through, and how many at once, of all users together."
  type = object({
    requests_a_second = number
    burst             = number
  })
}

variable "reserved_concurrency" {
  description = "How many of the account's concurrent executions are set aside for the function. With null, none are."
  type        = number
  default     = null
}

variable "cors" {
  description = "The web pages whose scripts may use the API, and the seconds for which a browser remembers that. With null, none may."
  type = object({
    origins         = set(string)
    max_age_seconds = number
  })
  default = null
}

variable "domain" {
  description = "A name of the deployer's own for the API, and the certificate for it. With null, it has API Gateway's."
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null
}

variable "log_level" {
  description = "The least severe messages that the function logs."
  type        = string
}

variable "tracing" {
  description = "Lambda's tracing mode, Active or PassThrough. The gateway itself has none: X-Ray does not trace HTTP APIs."
  type        = string
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
