data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  release = "0.1.0" # of this module and the function that belongs to it

  aws = {
    account_id = data.aws_caller_identity.current.account_id
    dns_suffix = data.aws_partition.current.dns_suffix
    partition  = data.aws_partition.current.partition
    region     = data.aws_region.current.id # `name` is deprecated in version 6 of the provider, `region` new there
  }

  # Bucket names are taken worldwide, and at most 63 characters long: 24 for the name, 12 for the account and 14 for
  # the longest region leave exactly "-thumbnails-" and a hyphen.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  suffix                 = "${local.aws.account_id}-${local.aws.region}"
  uploads_bucket_name    = coalesce(var.uploads_bucket_name, "${var.name}-uploads-${local.suffix}")
  thumbnails_bucket_name = coalesce(var.thumbnails_bucket_name, "${var.name}-thumbnails-${local.suffix}")

  # Named here because policies name them, and the key's policy is made before they are.
  uploads_bucket_arn = "arn:${local.aws.partition}:s3:::${local.uploads_bucket_name}"
  log_group_names    = { for function in local.functions : function => "/aws/lambda/${var.name}-${function}" }
  log_group_arns = {
    for function, name in local.log_group_names :
    function => "arn:${local.aws.partition}:logs:${local.aws.region}:${local.aws.account_id}:log-group:${name}"
  }
  functions = concat(["thumbnailer"], var.reconcile == null ? [] : ["reconciler"])

  alarm_names = {
    for tier in ["warning", "critical", "page"] : tier => [for name, alarm in module.observability.alarms : name if alarm.tier == tier]
  }

  # Denied everywhere: whatever comes without TLS, except from the addresses that were let through by name.
  without_tls = merge(
    { Bool = { "aws:SecureTransport" = ["false"] } },
    length(var.plaintext_source_cidrs) == 0 ? {} : { NotIpAddress = { "aws:SourceIp" = var.plaintext_source_cidrs } },
  )
}
