# Where tools find the deployment by its name alone, without Terraform's state.

locals {
  # What is in the parameter. Names, which are no secrets: whoever may read it can find out nothing else by it. What a
  # tool is told here is an output too, of the same name and value, and thumbctl doctor misses it where it is not told.
  # The outputs are not taken from here: each would wait for all, and a caller who makes something of one of them that the
  # module is given in turn, such as a distribution of a bucket, would wait for ever.
  tools = merge(local.tools_always, local.tools_of_events, local.tools_of_api, local.tools_of_devices, local.tools_of_jobs)
  tools_of_events = { for name, value in {
    event_bus_arn    = local.event_bus_arn
    publishers       = local.publisher_outputs
    parked_bucket    = one(values(module.parked_bucket)[*].name)
    table_stream_arn = module.catalog.stream_arn
    change_stream    = local.change_stream
  } : name => value if length(local.publishers) > 0 }
  tools_of_api = { for name, value in {
    api          = local.api_output
    users_prefix = local.users_prefix
  } : name => value if var.api != null }
  tools_of_devices = { for name, value in { devices = local.devices_output } : name => value if var.devices != null }
  tools_of_jobs    = { for name, value in { jobs = local.jobs_output } : name => value if var.jobs != null }
  tools_always = {
    release                            = local.release
    archives                           = local.archives_output
    source_bucket                      = module.ingest.bucket_name
    source_prefix                      = var.source_prefix
    source_mode                        = var.uploads_bucket.mode
    source_rule_name                   = module.ingest.rule_name
    thumbnails_bucket                  = local.thumbnails.bucket_name
    propagate_deletions                = var.propagate_deletions
    queue_url                          = module.ingest.queue_url
    queue_arn                          = module.ingest.queue_arn
    backfill_queue_url                 = module.ingest.backfill_queue_url
    backfill_queue_arn                 = module.ingest.backfill_queue_arn
    dlq_url                            = module.ingest.dlq_url
    dlq_arn                            = module.ingest.dlq_arn
    table_name                         = module.catalog.table_name
    failures_index_name                = module.catalog.failures_index_name
    digests_table_name                 = module.alerting.digests_table_name
    topic_arns                         = { for tier, topic in module.alerting.topics : tier => topic.arn }
    function_name                      = module.thumbnailer.function.name
    function_role_name                 = module.thumbnailer.function.role_name
    function_sha256                    = module.thumbnailer.function.sha256
    log_group_name                     = module.thumbnailer.function.log_group_name
    event_source_mapping_uuid          = module.thumbnailer.event_source_mappings["work"].uuid
    backfill_event_source_mapping_uuid = module.thumbnailer.event_source_mappings["backfill"].uuid
    maximum_concurrency                = local.most_at_a_time["work"]
    backfill_maximum_concurrency       = local.most_at_a_time["backfill"]
    reserved_concurrency               = var.reserved_concurrency
    alarm_names                        = local.alarm_names
    dashboard_name                     = module.observability.dashboard_name
  }
}

resource "aws_ssm_parameter" "tools" {
  #checkov:skip=CKV2_AWS_34:Names and addresses, none of them secret, and who reads them should not need the key.
  name        = local.names["tools_parameter"]
  description = "What tools have to know of the thumbnail pipeline ${var.name}."
  type        = "String"
  tags        = var.tags

  # With publishers, a front door or jobs, there is more to tell than 4 KB hold, the most of what costs nothing, if names are long.
  # https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
  tier = length(local.publishers) > 0 || var.api != null || var.jobs != null ? "Advanced" : "Standard"

  # Not `value`, which plans would hide.
  insecure_value = jsonencode(local.tools)
}
