variable "names" {
  description = "What the bucket of the page is called, and what belongs to its distribution, unique in the account: CloudFront knows no regions."
  type = object({
    bucket       = string
    distribution = string
  })
}

variable "aws" {
  description = "Where the bucket is."
  type = object({
    dns_suffix = string
    partition  = string
    region     = string
  })
}

variable "api_url" {
  description = "Where the API answers, which the page has below its own name."
  type        = string
}

variable "uploads_origin" {
  description = "Where uploads are put to, as a source of a content security policy."
  type        = string
}

variable "thumbnails_origin" {
  description = "Where thumbnails are fetched from, as a source of a content security policy."
  type        = string
}

variable "limits" {
  description = "What an upload may be: the page refuses anything else before it is sent."
  type = object({
    bytes = number
    types = set(string)
  })
}

variable "client" {
  description = "As which client people sign in, and for which scopes. It knows the page, and so what the page may do must not wait for it."
  type = object({
    id     = string
    scopes = list(string)
  })
}

variable "endpoints" {
  description = "Where people sign in and tokens come from. Without revocation, signing out forgets the refresh token and does not revoke it; without end_session, it does not end the session there."
  type = object({
    authorization = string
    token         = string
    revocation    = optional(string)
    end_session   = optional(string)
  })
}

variable "domain" {
  description = "A name of the deployer's own for the page, and the certificate for it. With null, it has CloudFront's."
  type = object({
    name            = string
    certificate_arn = string
  })
  default = null
}

variable "price_class" {
  description = "Where in the world CloudFront answers."
  type        = string
}

variable "web_acl_arn" {
  description = "ARN of the web ACL that filters requests; null for none."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the bucket."
  type        = string
}

variable "without_tls" {
  description = "The policy condition that holds for requests made without TLS; they are denied."
  type        = map(map(list(string)))
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
