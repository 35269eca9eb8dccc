variable "mode" {
  description = "Whether the bucket is made here (create), or was there before and is left as it is (existing)."
  type        = string
  default     = "create"
}

variable "bucket_name" {
  description = "Name of the bucket that thumbnails are written to."
  type        = string

  validation {
    # A thumbnail that lands in the watched bucket is an upload, and gets thumbnails of its own, for ever.
    condition     = var.bucket_name != var.uploads_bucket_name
    error_message = "Thumbnails cannot go to the uploads bucket: every thumbnail would trigger the function again. Name another bucket."
  }
}

variable "uploads_bucket_name" {
  description = "Name of the bucket whose objects trigger the function, which must be another one."
  type        = string
}

variable "partition" {
  description = "The AWS partition, the second part of every ARN."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the thumbnails."
  type        = string
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "incomplete_upload_days" {
  description = "Days after which the parts of a multipart upload that was never completed are removed."
  type        = number
  default     = 7
}

variable "force_destroy" {
  description = "Whether destroying the bucket also destroys the thumbnails in it."
  type        = bool
  default     = false
}

variable "distribution_arns" {
  description = "ARNs of CloudFront distributions that may read the thumbnails."
  type        = list(string)
  default     = []
}

variable "cors" {
  description = "The web pages whose scripts may read thumbnails, and the seconds for which a browser remembers that. With null, none may."
  type = object({
    origins         = set(string)
    max_age_seconds = number
  })
  default = null
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
}
