output "source_bucket" {
  description = "Name of the bucket to upload images to."
  value       = local.tools.source_bucket
}

output "source_prefix" {
  description = "Start of the keys in the source bucket that are watched; empty when all are."
  value       = local.tools.source_prefix
}

output "source_mode" {
  description = "How the source bucket tells of uploads: create, existing or eventbridge, as in uploads_bucket.mode."
  value       = local.tools.source_mode
}

output "source_rule_name" {
  description = "Name of the rule that picks out EventBridge's events for the work queue; empty where the bucket itself notifies it."
  value       = local.tools.source_rule_name
}

output "thumbnails_bucket" {
  description = "Name of the bucket that holds the thumbnails."
  value       = local.tools.thumbnails_bucket
}

output "distribution" {
  description = "The CloudFront distribution in front of the thumbnails: its domain_name and the hosted_zone_id of that, for DNS, its id and its arn. Null where there is none."
  value       = one([for cdn in module.cdn : cdn])
}

output "propagate_deletions" {
  description = "Whether thumbnails go when their original does."
  value       = local.tools.propagate_deletions
}

output "queue_url" {
  description = "URL of the work queue."
  value       = local.tools.queue_url
}

output "backfill_queue_url" {
  description = "URL of the backfill queue, which operators send to."
  value       = local.tools.backfill_queue_url
}

output "queue_arn" {
  description = "ARN of the work queue."
  value       = local.tools.queue_arn
}

output "backfill_queue_arn" {
  description = "ARN of the backfill queue."
  value       = local.tools.backfill_queue_arn
}

output "dlq_url" {
  description = "URL of the dead-letter queue."
  value       = local.tools.dlq_url
}

output "dlq_arn" {
  description = "ARN of the dead-letter queue."
  value       = local.tools.dlq_arn
}

output "table_name" {
  description = "Name of the catalog table."
  value       = local.tools.table_name
}

output "table_arn" {
  description = "ARN of the catalog table."
  value       = module.catalog.table_arn
}

output "failures_index_name" {
  description = "Name of the catalog's sparse index of failed sources."
  value       = local.tools.failures_index_name
}

output "topic_arns" {
  description = "ARNs of the topics by tier: failures, warning and critical."
  value       = local.tools.topic_arns
}

output "digests_table_name" {
  description = "Name of the table in which digests of failures are spaced out."
  value       = local.tools.digests_table_name
}

output "function_name" {
  description = "Name of the function that renders thumbnails."
  value       = local.tools.function_name
}

output "function_role_name" {
  description = "Name of the role that the function runs as."
  value       = local.tools.function_role_name
}

output "function_sha256" {
  description = "SHA-256 of the function's archive in base64, as Lambda tells it of the code that it runs."
  value       = local.tools.function_sha256
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = local.tools.log_group_name
}

output "event_source_mapping_uuid" {
  description = "Identifier of the mapping from the work queue to the function, for pausing and resuming it."
  value       = local.tools.event_source_mapping_uuid
}

output "backfill_event_source_mapping_uuid" {
  description = "Identifier of the mapping from the backfill queue to the function."
  value       = local.tools.backfill_event_source_mapping_uuid
}

output "maximum_concurrency" {
  description = "How many invocations run at a time at most for what is uploaded."
  value       = local.tools.maximum_concurrency
}

output "backfill_maximum_concurrency" {
  description = "How many invocations run at a time at most for the backfill queue."
  value       = local.tools.backfill_maximum_concurrency
}

output "reserved_concurrency" {
  description = "How many of the account's concurrent executions are set aside for the function; null when none are."
  value       = local.tools.reserved_concurrency
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts everything at rest."
  value       = module.encryption.granted_key_arn
}

output "alarm_names" {
  description = "Names of the alarms by tier: warning, critical, and the pages that the critical ones set off. Warning and critical publish to the warning topic, pages to the critical one."
  value       = local.tools.alarm_names
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = local.tools.dashboard_name
}

output "saved_query_names" {
  description = "Names of the saved Logs Insights queries."
  value       = module.observability.saved_query_names
}

output "release" {
  description = "Version of this module."
  value       = local.tools.release
}

output "operator_policy_json" {
  description = "Policy for whoever operates the pipeline with thumbctl, one statement per capability. It is attached to nobody."
  value       = module.operator.policy_json
}

output "owner_policies" {
  description = "What the owners of what was there before have to allow, as policies by uploads_bucket, uploads_kms_key, thumbnails_bucket, kms_key, log_kms_key and alert_topics/<tier>; of each, what is not the deployment's own. They are attached to nothing."
  value       = local.owner_policies
}
