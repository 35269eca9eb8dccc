# What is announced of images, by whom and where: the functions that read the catalog's stream, the bus, and the bucket for
# what could not be announced.

locals {
  # By the function's name. All are of one archive.
  publishers = merge(
    {
      for events in [var.events] : "publisher" => {
        destination = "events"
        description = "Announces on a bus what became of images"
        what        = "the bus"
        backfills   = events.backfills
        retries     = { attempts = events.attempts, record_age_hours = events.record_age_hours }
      } if events != null
    },
    {
      for changes in [var.changes] : "change_publisher" => {
        destination = "changes"
        description = "Puts into a stream what became of images"
        what        = "the change stream"
        backfills   = changes.backfills
        retries     = { attempts = changes.attempts, record_age_hours = changes.record_age_hours }
      } if changes != null
    },
  )

  # What a function is told of its destination, once that is there. Apart from the above, which the key's policy waits for.
  destinations = {
    events = {
      arn         = local.event_bus_arn
      references  = { EVENT_BUS_NAME = try(aws_cloudwatch_event_bus.this["on"].arn, local.event_bus_arn) }
      kms_key_arn = null # EventBridge encrypts, and asks nothing of who puts
    }
    changes = {
      arn         = try(local.change_stream.arn, null)
      references  = { STREAM_ARN = try(local.change_stream.arn, null) }
      kms_key_arn = try(local.change_stream.kms_key_arn, null)
    }
  }

  # Put together, because the key's policy names the bus before there is one.
  bus_mode      = try(var.events.bus.mode, "none")
  event_bus_arn = local.bus_mode == "create" ? "arn:${local.aws.partition}:events:${local.aws.region}:${local.aws.account_id}:event-bus/${local.names["event_bus"]}" : try(var.events.bus.arn, null)

  publisher_outputs = {
    for key, publisher in local.publishers : publisher.destination => {
      function_name             = module.publisher[key].function.name
      log_group_name            = module.publisher[key].function.log_group_name
      event_source_mapping_uuid = module.publisher[key].mapping.uuid
    }
  }
}

resource "aws_cloudwatch_event_bus" "this" {
  for_each = toset(local.bus_mode == "create" ? ["on"] : [])

  name               = local.names["event_bus"]
  description        = "Says of each image of ${var.name} that it is ready, has failed or is gone"
  kms_key_identifier = module.encryption.granted_key_arn
  tags               = var.tags
}

# What could not be announced lies here whole, until somebody sends it again: the stream forgets after 24 hours.
module "parked_bucket" {
  source   = "./modules/bucket"
  for_each = toset(length(local.publishers) > 0 ? ["on"] : [])

  name                   = local.names["parked_bucket"]
  partition              = local.aws.partition
  kms_key_arn            = module.encryption.key_arn
  without_tls            = local.without_tls
  expirations            = { "" = var.retention.parked_days }
  incomplete_upload_days = var.retention.incomplete_upload_days
  force_destroy          = !var.deletion_protection
  tags                   = var.tags
}
