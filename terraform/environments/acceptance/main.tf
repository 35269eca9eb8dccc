# An instance with everything on, which `make acceptance` applies, tries and destroys: docs/acceptance.md. Its state lies beside
# this copy of it in build/acceptance. Against the emulator, an override file says what that has otherwise.

terraform {
  required_version = ">= 1.9"

  backend "local" {}
}

variable "name" {
  description = "Name of the instance; everything is named after it."
  type        = string
  default     = "acceptance"
}

variable "archives" {
  description = "Folder of the archives."
  type        = string
  default     = "../../../build/lambda"
}

variable "cdn" {
  description = "Whether CloudFront is there too, for thumbnails and for the page: it takes a quarter of an hour to make and another to delete."
  type        = bool
  default     = false
}

provider "aws" {
  default_tags {
    tags = { Application = "thumbnail-pipeline", Deployment = var.name, ManagedBy = "make acceptance" }
  }
}

data "aws_caller_identity" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = split(":", data.aws_caller_identity.current.arn)[1]
  pages     = ["http://localhost:8080"]
}

module "pipeline" {
  source = "../.."

  name     = var.name
  archives = { folder = var.archives }

  # Of every kind of character that S3's filters, URLs and policies write differently.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
  source_prefix = "tenant=acme/My Photos/"

  alert_subscriptions = { subscriber = { protocol = "sqs", endpoint = aws_sqs_queue.this["subscriber"].arn } }
  access              = { uploaders = [aws_iam_role.this["uploader"].arn], readers = [aws_iam_role.this["reader"].arn] }

  events    = {}
  changes   = { capacity = { mode = "provisioned", shards = 1 }, archive = { buffering_seconds = 60 } }
  reconcile = { schedule = "rate(365 days)" } # it is invoked by hand
  jobs      = { ranges_at_a_time = 2, reconcile = { repair = true } }
  api = {
    # A prefix is taken region-wide, by whoever came first.
    sign_in = { callback_urls = [for page in local.pages : "${page}/"], domain_prefix = "${var.name}-${local.account}" }
    cors    = { origins = local.pages }
    page    = var.cdn ? {} : null
  }
  cdn     = var.cdn ? {} : null
  devices = { provisioning = {}, role_alias = true, topic_prefix = var.name } # topics are the region's

  # As much as an account can run that is new. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
  maximum_concurrency = 4
  backfill            = { maximum_concurrency = 2 }

  retry_first_seconds   = 1
  max_receive_count     = 3
  digest_window_seconds = 60
  retention             = { queue_days = 1, dlq_days = 2, log_days = 1, tombstone_days = 3, noncurrent_days = 1, parked_days = 1 }
  deletion_protection   = false
}

# In the places of people: who hears alarms, and who consumes events.

resource "aws_sqs_queue" "this" {
  for_each = { subscriber = ["sns", "${var.name}-*"], consumer = ["events", "rule/${var.name}/*"] }

  name = "${var.name}-${each.key}"
  # In line, for the provider waits half a minute for a policy of its own.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "${each.value[0]}.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "*"
      Condition = { ArnLike = { "aws:SourceArn" = "arn:${local.partition}:${each.value[0]}:*:${local.account}:${each.value[1]}" } }
    }]
  })
}

resource "aws_cloudwatch_event_rule" "consumer" {
  name           = "${var.name}-consumer"
  event_bus_name = element(split("/", module.pipeline.event_bus_arn), 1)
  event_pattern  = jsonencode({ source = ["thumbnail-pipeline"] })
}

resource "aws_cloudwatch_event_target" "consumer" {
  rule           = aws_cloudwatch_event_rule.consumer.name
  event_bus_name = aws_cloudwatch_event_rule.consumer.event_bus_name
  arn            = aws_sqs_queue.this["consumer"].arn
}

# Who may do what `access` lets them, nothing at all (stranger), or read thumbnails without their key (keyless).

resource "aws_iam_role" "this" {
  for_each = toset(["uploader", "reader", "stranger", "keyless"])

  name = "${var.name}-acceptance-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "keyless" {
  name = "read"
  role = aws_iam_role.this["keyless"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:${local.partition}:s3:::${module.pipeline.thumbnails_bucket}/*"
    }]
  })
}

output "pipeline" {
  description = "What the module tells."
  value       = module.pipeline
}

output "queue_urls" {
  description = "URLs of the queues in the places of people: subscriber and consumer."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.url }
}

output "role_arns" {
  description = "ARNs of the roles: uploader, reader, stranger and keyless."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
