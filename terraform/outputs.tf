output "source_bucket" {
  description = "Name of the bucket to upload images to."
  value       = module.ingest.bucket_name
}

output "source_prefix" {
  description = "Start of the keys in the source bucket that are watched; empty when all are."
  value       = var.source_prefix
}

output "source_mode" {
  description = "How the source bucket tells of uploads: create, existing or eventbridge, as in uploads_bucket.mode."
  value       = var.uploads_bucket.mode
}

output "source_rule_name" {
  description = "Name of the rule that picks out EventBridge's events for the work queue; empty where the bucket itself notifies it."
  value       = module.ingest.rule_name
}

output "thumbnails_bucket" {
  description = "Name of the bucket that holds the thumbnails."
  value       = local.thumbnails.bucket_name
}

output "distribution" {
  description = "The CloudFront distribution in front of the thumbnails: its domain_name and the hosted_zone_id of that, for DNS, its id and its arn. Null where there is none."
  value       = one([for cdn in module.cdn : cdn])
}

output "propagate_deletions" {
  description = "Whether thumbnails go when their original does."
  value       = var.propagate_deletions
}

output "queue_url" {
  description = "URL of the work queue."
  value       = module.ingest.queue_url
}

output "backfill_queue_url" {
  description = "URL of the backfill queue, which operators send to."
  value       = module.ingest.backfill_queue_url
}

output "queue_arn" {
  description = "ARN of the work queue."
  value       = module.ingest.queue_arn
}

output "backfill_queue_arn" {
  description = "ARN of the backfill queue."
  value       = module.ingest.backfill_queue_arn
}

output "dlq_url" {
  description = "URL of the dead-letter queue."
  value       = module.ingest.dlq_url
}

output "dlq_arn" {
  description = "ARN of the dead-letter queue."
  value       = module.ingest.dlq_arn
}

output "table_name" {
  description = "Name of the catalog table."
  value       = module.catalog.table_name
}

output "table_arn" {
  description = "ARN of the catalog table."
  value       = module.catalog.table_arn
}

output "failures_index_name" {
  description = "Name of the catalog's sparse index of failed sources."
  value       = module.catalog.failures_index_name
}

output "event_bus_arn" {
  description = "ARN of the bus that images are announced on, which a rule takes for event_bus_name. Null where nothing is announced."
  value       = local.event_bus_arn

  # It is put together, and whoever makes a rule on the bus of it has to wait for the bus.
  depends_on = [aws_cloudwatch_event_bus.this]
}

output "publishers" {
  description = "The functions that announce what changed in the catalog, by where they do (events, changes): the name of each (function_name), of its log group (log_group_name), and the identifier of the mapping from the stream to it (event_source_mapping_uuid)."
  value       = local.publisher_outputs
}

output "parked_bucket" {
  description = "Name of the bucket that holds the batches which could not be announced. Null where nothing is announced."
  value       = one(values(module.parked_bucket)[*].name)
}

output "table_stream_arn" {
  description = "ARN of the stream of the catalog's changes. Null where nothing is announced."
  value       = length(local.publishers) == 0 ? null : module.catalog.stream_arn
}

output "jobs" {
  description = "Bulk jobs in the account: the table of jobs (table_name), the queue of ranges (ranges_queue_url), the function that works on them (function_name) and its log group (log_group_name), the identifier of the mapping that feeds it (event_source_mapping_uuid), how many ranges are worked on at a time (ranges_at_a_time), what reconciliations may do (reconcile, null where there are none), and what the addresses of inventories begin with that jobs may read, s3://… (inventories). Null where there are none."
  value       = local.jobs_output

  precondition {
    condition     = var.reconcile == null || try(var.jobs.reconcile.schedule, null) == null
    error_message = "reconcile and jobs.reconcile.schedule must not be set both: each compares all that is watched, and the second would cost money for the same news. Leave out reconcile where a pass takes more than a day, and the schedule of jobs otherwise."
  }
}

output "change_stream" {
  description = "The change stream: its name, its arn, and the key that it is encrypted with (kms_key_arn). Null where there is none."
  value       = local.change_stream
}

output "archive" {
  description = "The archive of the change stream: its bucket_name, Firehose's delivery_name, database_name and table_name of Glue, and Athena's workgroup_name. Null where there is none."
  value       = local.archive
}

output "api" {
  description = "The front door: its url, what a name of your own has to point to (domain), its function_name and log_group_name, the log group of requests (access_log_group_name), the table of what was asked for (asks_table_name), for how long an address is valid (url_minutes); the issuer of the tokens that it takes and the names of their scopes; and of a user pool the user_pool_id, the client_id, and where people sign in (sign_in_url). Null where there is none."
  value       = local.api_output
}

output "devices" {
  description = "The door for devices: where they connect to (endpoint), what their topics begin with (topic_prefix), the thing_type and the policy_name of each; the table of what was asked for (asks_table_name), limits, and for how long an address is valid (url_minutes); by asks, status and admission the function_names and log_group_names; the queue of what came to nothing (error_queue_url); of provisioning the provisioning_template and the claim_policy_name, null without; and of the role_alias its name and the host that gives out credentials (endpoint), null without. Null where there is none."
  value       = local.devices_output
}

output "users_prefix" {
  description = "What the keys of users' images begin with, which nothing but the API should write below. Null where there is no API."
  value       = var.api == null ? null : local.users_prefix
}

output "owner_cors" {
  description = "What the owner of an uploads bucket that was there before has to add to its CORS configuration, by uploads_bucket and as aws s3api put-bucket-cors takes it, so that browsers may put images there. Empty where api has no cors, or the bucket is the deployment's own."
  value       = local.owner_cors
}

output "topic_arns" {
  description = "ARNs of the topics by tier: failures, warning and critical."
  value       = { for tier, topic in module.alerting.topics : tier => topic.arn }
}

output "digests_table_name" {
  description = "Name of the table in which digests of failures are spaced out."
  value       = module.alerting.digests_table_name
}

output "function_name" {
  description = "Name of the function that renders thumbnails."
  value       = module.thumbnailer.function.name
}

output "function_role_name" {
  description = "Name of the role that the function runs as."
  value       = module.thumbnailer.function.role_name
}

output "function_sha256" {
  description = "SHA-256 of the function's archive in base64, as Lambda tells it of the code that it runs; null where archives names an object without."
  value       = module.thumbnailer.function.sha256
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = module.thumbnailer.function.log_group_name
}

output "event_source_mapping_uuid" {
  description = "Identifier of the mapping from the work queue to the function, for pausing and resuming it."
  value       = module.thumbnailer.event_source_mappings["work"].uuid
}

output "backfill_event_source_mapping_uuid" {
  description = "Identifier of the mapping from the backfill queue to the function."
  value       = module.thumbnailer.event_source_mappings["backfill"].uuid
}

output "maximum_concurrency" {
  description = "How many invocations run at a time at most for what is uploaded."
  value       = local.most_at_a_time["work"]
}

output "backfill_maximum_concurrency" {
  description = "How many invocations run at a time at most for the backfill queue."
  value       = local.most_at_a_time["backfill"]
}

output "reserved_concurrency" {
  description = "How many of the account's concurrent executions are set aside for the function; null when none are."
  value       = var.reserved_concurrency
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts everything at rest."
  value       = module.encryption.granted_key_arn
}

output "alarm_names" {
  description = "Names of the alarms by tier: warning, critical, and the pages that the critical ones set off. Warning and critical publish to the warning topic, pages to the critical one."
  value       = local.alarm_names
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = module.observability.dashboard_name
}

output "saved_query_names" {
  description = "Names of the saved Logs Insights queries."
  value       = module.observability.saved_query_names
}

output "release" {
  description = "Version of this module."
  value       = local.release

  precondition {
    condition     = local.kit == null || try(local.kit.version == local.release, false)
    error_message = "The archives in ${coalesce(var.archives.folder, "S3")} are of release ${try(local.kit.version, "?")}, and this module is of ${local.release}: take both from one release, or build them with make package."
  }

  precondition {
    condition     = local.kit == null || try(local.kit.runtime == var.runtime && local.kit.architecture == var.architecture, false)
    error_message = "The archives in ${coalesce(var.archives.folder, "S3")} are for ${try(local.kit.runtime, "?")} on ${try(local.kit.architecture, "?")}, and runtime and architecture say ${var.runtime} on ${var.architecture}: set these to what the archives are for, or take others."
  }

  precondition {
    condition     = local.kit == null || length(local.kit_has_others) == 0
    error_message = "In ${coalesce(var.archives.folder, "S3")}, ${join(", ", local.kit_has_others)} is not what archives.json was written for: unpack or build the archives again."
  }
}

output "archives" {
  description = "What the folder of archives tells of itself, if it was released or built by make package: their version, and what made their bytecode."
  value       = local.archives_output
}

output "operator_policy_json" {
  description = "Policy for whoever operates the pipeline with thumbctl, one statement per capability. It is attached to nobody."
  value       = module.operator.policy_json
}

output "operator_events_policy_json" {
  description = "Policy for whoever operates it with thumbctl events, on top of operator_policy_json. It is attached to nobody. Null where nothing is announced."
  value       = module.operator.announcing_policy_json
}

output "operator_jobs_policy_json" {
  description = "Policy for whoever begins bulk jobs in the account and looks after them with thumbctl, on top of operator_policy_json. It is attached to nobody. Null without jobs."
  value       = module.operator.jobs_policy_json
}

output "operator_users_policy_json" {
  description = "Policy for whoever forgets users of the API with thumbctl users forget, on top of operator_policy_json: it deletes images for good. It is attached to nobody."
  value       = module.operator.forgetting_policy_json
}

output "operator_devices_policy_json" {
  description = "Policy for whoever adds and revokes devices with thumbctl devices, on top of operator_policy_json: of things and certificates it reaches all of the account's. It is attached to nobody. Null where there is no door for devices."
  value       = module.operator.devices_policy_json
}

output "access_policies" {
  description = "Policies for whoever uploads images (uploaders) and whoever fetches thumbnails (readers): all that they need, and no more. They are attached to nobody; with access, the policies of buckets and key say the same."
  value       = local.access_policies
}

output "key_policies" {
  description = "Of owner_policies, kms_key and log_kms_key by themselves: a key that is made in the same configuration can have its policy from here when it is made, and not only after everything that is encrypted with it."
  value       = local.key_policies
}

output "owner_policies" {
  description = "What the owners of what was there before have to allow, as policies by uploads_bucket, uploads_kms_key, thumbnails_bucket, kms_key, log_kms_key, event_bus and alert_topics/<tier>; of each, what is not the deployment's own. uploads_kms_key is for the key of a bucket that has one. They are attached to nothing."
  value       = local.owner_policies
}
