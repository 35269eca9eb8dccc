variable "archives" {
  description = "Folder of the archives that `make package` builds."
  type        = string
  default     = "../../../build/lambda"
}

variable "region" {
  description = "AWS region to deploy to."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts everything at rest."
  type        = string
}

variable "log_kms_key_arn" {
  description = "ARN of the key that encrypts logs."
  type        = string
}

variable "pager_topic_arn" {
  description = "ARN of the topic that wakes somebody up."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what every role may do."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets that reach S3, DynamoDB, SQS, SNS, X-Ray, Systems Manager, EventBridge, Kinesis and Lambda."
  type        = set(string)
}

variable "security_group_ids" {
  description = "Security groups that let HTTPS out."
  type        = set(string)
}
