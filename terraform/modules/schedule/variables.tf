variable "names" {
  description = "Names of the schedule, its group and its role."
  type = object({
    schedule = string
    group    = string
    role     = string
  })
}

variable "description" {
  description = "What it is for, for people."
  type        = string
}

variable "expression" {
  description = "When the function runs, as EventBridge Scheduler has it."
  type        = string
}

variable "function_arn" {
  description = "ARN of the function."
  type        = string
}

variable "input" {
  description = "What the function is told; nothing with null."
  type        = string
  default     = null
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

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the role may do."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything in this module."
  type        = map(string)
  default     = {}
}
