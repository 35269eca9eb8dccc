variable "region" {
  description = "AWS region of the deployment."
  type        = string
}

variable "event_bus_arn" {
  description = "ARN of the bus that images are announced on: the deployment's output event_bus_arn."
  type        = string
}

variable "deployment" {
  description = "Name of the deployment whose images are meant: a bus that was brought may carry those of several."
  type        = string
}

variable "function_name" {
  description = "Name of your function that takes events."
  type        = string
}

variable "state_machine_arn" {
  description = "ARN of your workflow that is started with an event."
  type        = string
}

variable "endpoint" {
  description = "HTTPS URL that events are posted to."
  type        = string
}

variable "endpoint_key" {
  description = "What your endpoint knows EventBridge by, in the header X-Api-Key."
  type        = string
  sensitive   = true
}
