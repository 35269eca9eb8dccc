data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  release = trimspace(file("${path.module}/VERSION")) # of this module, its functions and its tools

  aws = {
    account_id = data.aws_caller_identity.current.account_id
    dns_suffix = data.aws_partition.current.dns_suffix
    partition  = data.aws_partition.current.partition
    region     = data.aws_region.current.id # `name` is deprecated in version 6 of the provider, `region` new there
  }

  # What the functions' own settings take; a test holds the two together.
  bounds = {
    renditions = 10                        # as many as fit into a function's environment, the rest of it included
    name       = "[a-z0-9][a-z0-9-]{0,31}" # begins every key of a thumbnail
    side       = 16383                     # the longest that a WebP file can have
    pixels     = 200000000                 # beyond it, no memory of Lambda's would do
    fits       = ["contain", "cover", "pad"]
    crops      = ["centre", "attention", "entropy"]
    efforts    = { webp = 6, jpeg = 2, png = 9, avif = 10, gif = 0 } # by format, how much its encoder can try
  }

  # By which of its globs source_keys would take or pass over keys that the doors for users and for devices make, as
  # functions/thumbnail_pipeline/settings.py has it.
  globs_of = { for whose, keys in { users = local.keys_of_users, things = local.keys_of_things } : whose => {
    for kind, globs in var.source_keys : kind => [
      for key in keys : [
        for glob in globs : glob if can(regex(
          "(?i)^${replace(replace(replace(replace(glob, "/[.+^$(){}|\\\\]/", "\\$0"), "*", ".*"), "?", "."), "[!", "[^")}$",
          strcontains(glob, "/") ? key : basename(key),
        ))
      ]
    ]
  } }

  uploads_bucket = {
    mode       = var.uploads_bucket.mode
    name       = coalesce(var.uploads_bucket.name, local.names["uploads_bucket"])
    owner      = var.uploads_bucket.owner
    account_id = coalesce(var.uploads_bucket.account_id, local.aws.account_id)
  }
  thumbnails_bucket_name = coalesce(var.thumbnails_bucket.name, local.names["thumbnails_bucket"])

  # Named here because policies name them, and the key's policy is made before they are.
  uploads_bucket_arn = "arn:${local.aws.partition}:s3:::${local.uploads_bucket.name}"
  uploads_rule_arn   = "arn:${local.aws.partition}:events:${local.aws.region}:${local.aws.account_id}:rule/${local.names["uploads_rule"]}"

  # Who sends to the work queue; nobody else may, nor use the key for it. A rule is of this account, as its ARN says, and
  # a bucket's ARN does not say whose it is.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
  through_eventbridge = var.uploads_bucket.mode == "eventbridge"
  sender = {
    service = local.through_eventbridge ? "events.amazonaws.com" : "s3.amazonaws.com"
    condition = merge(
      { ArnEquals = { "aws:SourceArn" = local.through_eventbridge ? local.uploads_rule_arn : local.uploads_bucket_arn } },
      local.through_eventbridge ? {} : { StringEquals = { "aws:SourceAccount" = local.uploads_bucket.account_id } },
    )
  }

  # What others encrypt, or another key did, the function has to read and write as well.
  other_kms_key_arns = distinct([
    for arn in concat(
      [var.uploads_bucket.kms_key_arn, var.thumbnails_bucket.kms_key_arn], values(var.alert_topics)[*].kms_key_arn,
      module.encryption.kept_key_arns, var.encryption.former_key_arns,
    ) : arn if arn != null && arn != var.kms_key_arn
  ])

  # Lambda takes a maximum concurrency or provisioned pollers, of which each keeps up to ten invocations busy.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  maximum_concurrency = {
    work     = var.pollers == null ? coalesce(var.maximum_concurrency, 20) : null
    backfill = var.backfill.pollers == null ? coalesce(var.backfill.maximum_concurrency, 10) : null
  }
  most_at_a_time = {
    work     = var.pollers == null ? local.maximum_concurrency["work"] : 10 * var.pollers.maximum
    backfill = var.backfill.pollers == null ? local.maximum_concurrency["backfill"] : 10 * var.backfill.pollers.maximum
  }

  # A distribution is public, and users' images are not. Not by its paths, of which %2F is a letter to CloudFront and a slash
  # to S3: what S3 was asked for in the end, its own policy compares.
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html#DownloadDistValuesPathPattern
  withheld_keys = var.api == null ? null : "*/${local.users_prefix}*"

  jobs_output = one([
    for jobs in module.jobs : {
      table_name                = jobs.table.name
      ranges_queue_url          = jobs.queue.url
      function_name             = jobs.function.name
      log_group_name            = jobs.function.log_group_name
      event_source_mapping_uuid = jobs.mapping.uuid
      ranges_at_a_time          = var.jobs.ranges_at_a_time
      reconcile                 = var.jobs.reconcile
      inventories               = local.inventories.places
    }
  ])

  # What a job reads of an inventory, and whoever begins one.
  inventories = {
    places       = [for each in try(var.jobs.inventories, []) : "s3://${each.bucket}/${each.prefix}"]
    object_arns  = [for each in try(var.jobs.inventories, []) : "arn:${local.aws.partition}:s3:::${each.bucket}/${each.prefix}*"]
    kms_key_arns = distinct([for each in try(var.jobs.inventories, []) : each.kms_key_arn if each.kms_key_arn != null])
  }

  distribution_arns = concat(var.distribution_arns, [for cdn in module.cdn : cdn.arn])

  alarm_names = {
    for tier in ["warning", "critical", "page"] : tier => [for name, alarm in module.observability.alarms : name if alarm.tier == tier]
  }

  # Denied everywhere: whatever comes without TLS, except from the addresses that were let through by name.
  without_tls = merge(
    { Bool = { "aws:SecureTransport" = ["false"] } },
    length(var.plaintext_source_cidrs) == 0 ? {} : { NotIpAddress = { "aws:SourceIp" = var.plaintext_source_cidrs } },
  )
}
