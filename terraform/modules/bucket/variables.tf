variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "partition" {
  description = "The AWS partition, the second part of every ARN."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the objects."
  type        = string
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted object can be restored. With null the bucket is not versioned."
  type        = number
  default     = null
}

variable "incomplete_upload_days" {
  description = "Days after which the parts of a multipart upload that was never completed are removed."
  type        = number
  default     = 7
}

variable "transition" {
  description = "After how many days objects move to another storage class, and to which. With null they stay where they are."
  type = object({
    days          = number
    storage_class = string
  })
  default = null
}

variable "expirations" {
  description = "After how many days objects are deleted, by what their keys begin with, such as results/."
  type        = map(number)
  default     = {}
}

variable "cors" {
  description = "The web pages whose scripts may use the objects, by which methods, with which headers of theirs and which of the answer's, and the seconds for which a browser remembers that. With null, none may."
  type = object({
    origins         = set(string)
    methods         = optional(set(string), ["GET", "HEAD"])
    headers         = optional(set(string), [])
    exposed         = optional(set(string), [])
    max_age_seconds = number
  })
  default = null
}

variable "withheld_keys" {
  description = "Keys that no distribution may read, as a policy's pattern. With null, they may read all."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether destroying the bucket also destroys the objects in it."
  type        = bool
  default     = false
}

variable "distribution_arns" {
  description = "ARNs of CloudFront distributions that may read the objects."
  type        = list(string)
  default     = []
}

variable "further_statements" {
  description = "Further statements of the bucket's policy, as JSON each."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
}
