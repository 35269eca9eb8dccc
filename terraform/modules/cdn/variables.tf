variable "name" {
  description = "Name of what belongs to the distribution, unique in the account: CloudFront knows no regions."
  type        = string
}

variable "aws" {
  description = "Where the bucket is."
  type = object({
    dns_suffix = string
    region     = string
  })
}

variable "bucket_name" {
  description = "Name of the bucket that holds the thumbnails."
  type        = string
}

variable "aliases" {
  description = "Names of the deployer's under which thumbnails are served, besides CloudFront's own."
  type        = set(string)
}

variable "certificate_arn" {
  description = "ARN of the certificate for these names; null where there are none."
  type        = string
}

variable "price_class" {
  description = "Where in the world CloudFront answers."
  type        = string
}

variable "web_acl_arn" {
  description = "ARN of the web ACL that filters requests; null for none."
  type        = string
}

variable "logs_bucket" {
  description = "Domain name of the bucket that takes the access logs; null for none."
  type        = string
}

variable "cors" {
  description = "The web pages whose scripts may read thumbnails, and the seconds for which a browser remembers that; null for none."
  type = object({
    origins         = set(string)
    max_age_seconds = number
  })
}

variable "tags" {
  description = "Tags of the distribution."
  type        = map(string)
  default     = {}
}
