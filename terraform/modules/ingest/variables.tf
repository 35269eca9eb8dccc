variable "names" {
  description = "Names of the queues, and of the rule that picks events out for the work queue."
  type = object({
    work         = string
    backfill     = string
    dead_letters = string
    rule         = string
  })
}

variable "aws" {
  description = "Where the queues live; ARNs in their policies are built from this."
  type = object({
    account_id = string
    partition  = string
    region     = string
  })
}

variable "bucket" {
  description = "The bucket that is watched: made here (create), there before, with notifications that are ours from now on (existing), or one that EventBridge tells of (eventbridge). Its owner is this account (self) or another (other)."
  type = object({
    mode       = string
    name       = string
    owner      = string
    account_id = string
  })
}

variable "sender" {
  description = "Who sends to the work queue: a service, under the condition that tells on whose behalf it does."
  type = object({
    service   = string
    condition = map(map(string))
  })
}

variable "source_prefix" {
  description = "Start of the keys that are watched; with an empty one it is the whole bucket."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts objects and messages."
  type        = string
}

variable "granted_kms_key_arn" {
  description = "ARN of the same key, known once S3 may use it."
  type        = string
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "function_timeout_seconds" {
  description = "Seconds that the function has for a batch; the visibility timeout follows from it."
  type        = number
}

variable "batching_window_seconds" {
  description = "Seconds that a batch may take to fill; the visibility timeout follows from it."
  type        = number
}

variable "max_receive_count" {
  description = "How often a message is tried before it becomes a dead letter."
  type        = number
}

variable "retention" {
  description = "Days for which messages and overwritten objects are kept."
  type = object({
    queue_days             = number
    dlq_days               = number
    noncurrent_days        = number
    incomplete_upload_days = number
  })
}

variable "transition" {
  description = "After how many days uploads move to another storage class, and to which. With null they stay where they are."
  type = object({
    days          = number
    storage_class = string
  })
  default = null
}

variable "further_statements" {
  description = "Further statements of the policy of a bucket that is made here, as JSON each."
  type        = list(string)
  default     = []
}

variable "cors" {
  description = "The web pages whose scripts may upload to a bucket that is made here, by which methods, with which headers of theirs and which of the answer's, and the seconds for which a browser remembers that. With null, none may."
  type = object({
    origins         = set(string)
    methods         = set(string)
    headers         = set(string)
    exposed         = set(string)
    max_age_seconds = number
  })
  default = null
}

variable "propagate_deletions" {
  description = "Whether S3 tells of what is deleted and expires."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether destroying the bucket also destroys the uploads in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the bucket and the queues."
  type        = map(string)
  default     = {}
}
