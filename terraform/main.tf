# The whole pipeline, by concern, in the order in which an image passes through it.

module "encryption" {
  source = "./modules/encryption"

  name                 = var.name
  aws                  = local.aws
  modes                = { key = var.encryption.key, log_key = var.encryption.log_key, made_key = var.encryption.made_key }
  existing_key_arn     = var.kms_key_arn
  sender               = local.sender
  existing_log_key_arn = var.log_kms_key_arn
  log_group_arns       = concat(values(local.log_group_arns), local.archive_log_group_arns, local.access_log_group_arns)
  further_statements   = local.access_statements["kms_key"]
  distribution_arns    = concat(local.distribution_arns, local.pages[*].distribution_arn)
  event_bus_arn        = local.bus_mode == "create" ? local.event_bus_arn : null
  undelivered_events   = var.devices != null
  deletion_window_days = var.deletion_protection ? 30 : 7 # the longest and the shortest that KMS knows
  tags                 = var.tags
}

module "ingest" {
  source = "./modules/ingest"

  names = {
    work         = local.names["work_queue"]
    backfill     = local.names["backfill_queue"]
    dead_letters = local.names["dead_letter_queue"]
    rule         = local.names["uploads_rule"]
  }
  aws                 = local.aws
  bucket              = local.uploads_bucket
  sender              = local.sender
  source_prefix       = var.source_prefix
  kms_key_arn         = module.encryption.key_arn
  granted_kms_key_arn = module.encryption.granted_key_arn
  without_tls         = local.without_tls
  max_receive_count   = var.max_receive_count
  retention           = var.retention
  force_destroy       = !var.deletion_protection
  tags                = var.tags

  further_statements  = local.access_statements["uploads_bucket"]
  cors                = local.uploads_cors
  transition          = var.uploads_transition
  propagate_deletions = var.propagate_deletions

  function_timeout_seconds = var.timeout_seconds
  batching_window_seconds  = var.batching.window_seconds
}

module "thumbnailer" {
  source = "./modules/thumbnailer"

  function = local.function_basics["thumbnailer"]
  aws      = local.aws
  sizing = {
    memory_mb            = var.memory_mb
    timeout_seconds      = var.timeout_seconds
    reserved_concurrency = var.reserved_concurrency
  }
  snap_start  = var.snap_start
  parallelism = var.parallelism
  batching    = var.batching
  settings = {
    renditions = var.renditions
    limits     = var.limits
    animation  = var.animation
    truncated  = var.truncated
    include    = var.source_keys.include
    exclude    = var.source_keys.exclude
  }
  queues = {
    work     = { arn = module.ingest.queue_arn, maximum_concurrency = local.maximum_concurrency["work"], pollers = var.pollers }
    backfill = { arn = module.ingest.backfill_queue_arn, maximum_concurrency = local.maximum_concurrency["backfill"], pollers = var.backfill.pollers }
  }
  uploads             = local.uploads
  thumbnails          = local.thumbnails
  catalog             = local.catalog
  propagate_deletions = var.propagate_deletions
  cache_control       = var.cache_control
  alerts_topic_arn    = module.alerting.topics["failures"].arn
  digests = {
    table_arn      = module.alerting.digests_table_arn
    table_name     = module.alerting.digests_table_name
    window_seconds = var.digest_window_seconds
  }
  runbook_url         = var.runbook_url
  kms_key_arn         = module.encryption.key_arn
  other_kms_key_arns  = local.other_kms_key_arns
  tombstone_days      = var.retention.tombstone_days
  retry_first_seconds = var.retry_first_seconds
  max_receive_count   = var.max_receive_count

  retry_denied_seconds = var.retry_denied_seconds

  logging = { level = var.log_level, debug_sample_rate = var.debug_sample_rate }
  tracing = var.tracing.mode
  tags    = var.tags
}

module "reconciler" {
  source   = "./modules/reconciler"
  for_each = { for choice in [var.reconcile] : "on" => choice if choice != null }

  function = local.function_basics["reconciler"]
  names = {
    schedule_group   = local.names["schedule_group"]
    schedule_role    = local.names["schedule_role"]
    cursor_parameter = local.names["cursor_parameter"]
  }
  aws                 = local.aws
  schedule            = each.value.schedule
  settings            = module.thumbnailer.settings
  uploads             = local.uploads
  thumbnails          = local.thumbnails
  catalog             = local.catalog
  propagate_deletions = var.propagate_deletions
  metrics_function    = module.thumbnailer.function.name
  kms_key_arn         = module.encryption.key_arn
  tags                = var.tags
}

module "jobs" {
  source   = "./modules/jobs"
  for_each = { for choice in [var.jobs] : "on" => choice if choice != null }

  function = local.function_basics["range_worker"]
  names = {
    ranges_queue   = local.names["ranges_queue"]
    jobs_table     = local.names["jobs_table"]
    schedule_group = local.names["schedule_group"]
    schedule_role  = local.names["jobs_schedule"]
  }
  aws                 = local.aws
  ranges_at_a_time    = each.value.ranges_at_a_time
  settings            = module.thumbnailer.settings
  uploads             = local.uploads
  thumbnails          = local.thumbnails
  catalog             = local.catalog
  propagate_deletions = var.propagate_deletions
  metrics_function    = module.thumbnailer.function.name
  reconcile           = each.value.reconcile
  inventories         = local.inventories
  backfill = {
    queue_arn    = module.ingest.backfill_queue_arn
    queue_url    = module.ingest.backfill_queue_url
    mapping_arn  = module.thumbnailer.event_source_mappings["backfill"].arn
    mapping_uuid = module.thumbnailer.event_source_mappings["backfill"].uuid
  }
  dead_letters = { queue_arn = module.ingest.dlq_arn, queue_url = module.ingest.dlq_url }
  without_tls  = local.without_tls
  kms_key_arn  = module.encryption.key_arn
  tags         = var.tags
}

module "publisher" {
  source   = "./modules/publisher"
  for_each = local.publishers

  function     = local.function_basics[each.key]
  aws          = local.aws
  description  = each.value.description
  deployment   = var.name
  destination  = merge(local.destinations[each.value.destination], { name = each.value.destination })
  stream_arn   = module.catalog.stream_arn
  table_arn    = module.catalog.table_arn
  backfills    = each.value.backfills
  retries      = each.value.retries
  parked       = { bucket_arn = module.parked_bucket["on"].arn }
  kms_key_arns = concat([module.encryption.key_arn], module.encryption.kept_key_arns, var.encryption.former_key_arns)
  tracing      = var.tracing.mode
  tags         = var.tags
}

# Where thumbnails are served from. Unversioned on purpose: a thumbnail can be rendered again, and when its source is
# deleted no copy of it may stay behind.
module "thumbnails_bucket" {
  source   = "./modules/bucket"
  for_each = toset(var.thumbnails_bucket.mode == "create" ? ["on"] : [])

  name                   = local.thumbnails_bucket_name
  partition              = local.aws.partition
  distribution_arns      = local.distribution_arns
  withheld_keys          = local.withheld_keys
  further_statements     = local.access_statements["thumbnails_bucket"]
  cors                   = var.cors
  kms_key_arn            = module.encryption.key_arn
  without_tls            = local.without_tls
  incomplete_upload_days = var.retention.incomplete_upload_days
  force_destroy          = !var.deletion_protection
  tags                   = var.tags
}

module "cdn" {
  source   = "./modules/cdn"
  for_each = { for choice in [var.cdn] : "on" => choice if choice != null }

  name            = local.names["cdn"]
  aws             = local.aws
  bucket_name     = local.thumbnails_bucket_name
  aliases         = each.value.aliases
  certificate_arn = each.value.certificate_arn
  price_class     = each.value.price_class
  web_acl_arn     = each.value.web_acl_arn
  logs_bucket     = each.value.logs_bucket
  cors            = var.cors
  tags            = var.tags
}

module "catalog" {
  source = "./modules/catalog"

  table_name          = local.names["catalog_table"]
  kms_key_arn         = module.encryption.key_arn
  deletion_protection = var.deletion_protection
  streamed            = length(local.publishers) > 0
  tags                = var.tags
}

module "alerting" {
  source = "./modules/alerting"

  name = var.name
  names = {
    topics        = { for tier in ["failures", "warning", "critical"] : tier => local.names["${tier}_topic"] }
    digests_table = local.names["digests_table"]
    chat_channels = { for channel in local.chat_channels : channel => local.names["chat/${channel}"] }
    chat_roles    = { for channel in local.chat_channels : channel => local.names["chat_role/${channel}"] }
  }
  aws           = local.aws
  kms_key_arn   = module.encryption.key_arn
  without_tls   = local.without_tls
  subscriptions = var.alert_subscriptions
  chat_channels = var.chat_channels

  existing_topics          = var.alert_topics
  permissions_boundary_arn = var.permissions_boundary_arn

  tags = var.tags
}

module "observability" {
  source = "./modules/observability"

  name            = var.name
  xray_group_name = local.names["xray_group"]
  aws             = local.aws
  queue = {
    name           = module.ingest.queue_name
    url            = module.ingest.queue_url
    retention_days = var.retention.queue_days
  }
  backfill = {
    name                = module.ingest.backfill_queue_name
    url                 = module.ingest.backfill_queue_url
    maximum_concurrency = local.most_at_a_time["backfill"]
  }
  dlq = {
    name = module.ingest.dlq_name
    url  = module.ingest.dlq_url
  }
  function = {
    name                = module.thumbnailer.function.name
    architecture        = var.architecture
    memory_mb           = var.memory_mb
    timeout_seconds     = var.timeout_seconds
    maximum_concurrency = local.most_at_a_time["work"]
    renditions          = length(var.renditions)
  }
  log_group_name = module.thumbnailer.function.log_group_name
  # One of the two is scheduled at most: both would say the same of the whole bucket.
  reconciler = try(concat(
    [for reconciler in module.reconciler : { name = reconciler.function.name, schedule_group_name = reconciler.schedule_group_name }],
    [for jobs in module.jobs : { name = jobs.function.name, schedule_group_name = jobs.schedule.group_name } if try(var.jobs.reconcile.schedule, null) != null],
  )[0], null)
  catalog = {
    table_name          = module.catalog.table_name
    failures_index_name = module.catalog.failures_index_name
  }
  publishers = {
    for key, publisher in local.publishers : publisher.destination => {
      name             = module.publisher[key].function.name
      log_group_name   = module.publisher[key].function.log_group_name
      mapping_uuid     = module.publisher[key].mapping.uuid
      record_age_hours = publisher.retries.record_age_hours
      parked_bucket    = module.parked_bucket["on"].name
      what             = publisher.what
    }
  }
  api = one([
    for api in module.api : {
      id              = api.api_id
      stage           = api.stage
      routes          = api.routes
      function_name   = api.function.name
      log_group_name  = api.function.log_group_name
      access_logs     = api.access_log_group_name
      asks_table_name = api.asks_table_name
      throttle        = var.api.throttle.requests_a_second
    }
  ])
  devices = one([
    for devices in module.devices : {
      rule_name       = devices.rule_name
      functions       = { for name, function in devices.functions : name => function.name }
      log_group_names = { for name, function in devices.functions : name => function.log_group_name }
      errors          = { name = devices.errors.name, url = devices.errors.url }
      asks_table_name = devices.asks_table_name
    }
  ])
  jobs = one([
    for jobs in module.jobs : {
      function_name  = jobs.function.name
      log_group_name = jobs.function.log_group_name
      queue_name     = jobs.queue.name
      table_name     = jobs.table.name
    }
  ])
  changes        = one([for stream in local.change_stream[*] : { stream_name = stream.name, archive = local.archive }])
  topics         = module.alerting.topics
  thresholds     = var.alarm_thresholds
  runbook_url    = var.runbook_url
  saved_searches = var.saved_searches
  sampling       = one([for rule in var.tracing.sampling[*] : merge(rule, { name = local.names["sampling_rule"] })])
  tags           = var.tags
}

module "operator" {
  source = "./modules/operator"

  aws           = local.aws
  parameter_arn = aws_ssm_parameter.tools.arn
  uploads = {
    bucket_arn = module.ingest.bucket_arn
    prefix     = var.source_prefix
  }
  thumbnails_bucket_arn = local.thumbnails.bucket_arn
  queue_arns = {
    work         = module.ingest.queue_arn
    backfill     = module.ingest.backfill_queue_arn
    dead_letters = module.ingest.dlq_arn
  }
  function_arn  = module.thumbnailer.function.arn
  layer_arn     = local.layer_arn
  mapping_arns  = [for mapping in module.thumbnailer.event_source_mappings : mapping.arn]
  log_group_arn = local.log_group_arns["thumbnailer"]
  catalog = {
    table_arn           = module.catalog.table_arn
    failures_index_name = module.catalog.failures_index_name
  }
  alarms_arn  = "arn:${local.aws.partition}:cloudwatch:${local.aws.region}:${local.aws.account_id}:alarm"
  topic_arns  = { for tier, topic in module.alerting.topics : tier => topic.arn }
  kms_key_arn = module.encryption.key_arn

  tested_alarms      = [for name in ["catalog-throttles", "notifications-failed", "pipeline-failing"] : "${var.name}-${name}"] # see thumbctl channels
  other_kms_key_arns = local.other_kms_key_arns
  rule_arn           = local.through_eventbridge ? local.uploads_rule_arn : null

  jobs = one([
    for jobs in module.jobs : {
      table_arn     = jobs.table.arn
      queue_arn     = jobs.queue.arn
      mapping_arn   = jobs.mapping.arn
      function_arn  = jobs.function.arn
      log_group_arn = local.log_group_arns["range_worker"]
      inventories   = local.inventories
    }
  ])

  forgetting = {
    asks_table_arn = one([for api in module.api : api.asks_table_arn])
    rows           = !var.propagate_deletions
  }

  devices = one([
    for devices in module.devices : {
      iot_arn         = "arn:${local.aws.partition}:iot:${local.aws.region}:${local.aws.account_id}"
      policy_name     = devices.policy_name
      asks_table_arn  = devices.asks_table_arn
      function_arns   = [for function in devices.functions : function.arn]
      log_group_arns  = [for function in local.device_functions : local.log_group_arns[function]]
      error_queue_arn = devices.errors.arn
    }
  ])

  announcing = one([
    for parked in module.parked_bucket : {
      function_arns             = [for publisher in module.publisher : publisher.function.arn]
      mapping_arns              = [for publisher in module.publisher : publisher.mapping.arn]
      event_bus_arn             = local.event_bus_arn
      change_stream_arn         = local.destinations["changes"].arn
      change_stream_kms_key_arn = local.destinations["changes"].kms_key_arn
      parked_bucket_arn         = parked.arn
    }
  ])
}
