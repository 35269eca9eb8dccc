variable "names" {
  description = "Names of the queues."
  type = object({
    work         = string
    backfill     = string
    dead_letters = string
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

variable "bucket_name" {
  description = "Name of the bucket that is watched."
  type        = string
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
