variable "names" {
  description = "What the pool, its domain, the client and the resource server are called."
  type = object({
    user_pool       = string
    domain          = string
    client          = string
    resource_server = string
  })
}

variable "aws" {
  description = "Where the pool is."
  type = object({
    dns_suffix = string
    region     = string
  })
}

variable "pool" {
  description = "The pool of users: made here (create), or there before (existing), by its id."
  type = object({
    mode = string
    id   = optional(string)
  })
}

variable "self_sign_up" {
  description = "Whether anybody may make an account in a pool that is made here, and not administrators alone."
  type        = bool
}

variable "callback_urls" {
  description = "Pages that people come back to when they have signed in."
  type        = set(string)
}

variable "logout_urls" {
  description = "Pages that people come back to when they have signed out."
  type        = set(string)
}

variable "token_minutes" {
  description = "Minutes for which access tokens, and refresh tokens, are good."
  type = object({
    access  = number
    refresh = number
  })
}

variable "deletion_protection" {
  description = "Whether a pool that is made here refuses to be deleted, and its users with it."
  type        = bool
}

variable "tags" {
  description = "Tags of the pool."
  type        = map(string)
  default     = {}
}
