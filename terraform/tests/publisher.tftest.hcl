# The publisher: what feeds it, in which order and how often, and what becomes of what it cannot announce.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function = {
    name = "thumbs-publisher"
    package = {
      archive      = { file = "./tests/fixtures/publisher.zip", object = null }
      runtime      = "python3.13"
      architecture = "arm64"
      layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
    }
    logs        = { group_name = "/aws/lambda/thumbs-publisher", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
    environment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }
  }
  description = "Announces on a bus what became of images"
  deployment  = "thumbs"
  aws         = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  destination = {
    name       = "events"
    arn        = "arn:aws:events:eu-central-1:123456789012:event-bus/thumbs"
    references = { EVENT_BUS_NAME = "arn:aws:events:eu-central-1:123456789012:event-bus/thumbs" }
  }
  stream_arn   = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog/stream/2026-01-01T00:00:00.000"
  table_arn    = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog"
  backfills    = true
  retries      = { attempts = 100, record_age_hours = 6 }
  parked       = { bucket_arn = "arn:aws:s3:::parked" }
  kms_key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/k", "arn:aws:kms:eu-central-1:123456789012:key/former"]
  tracing      = "Active"
}

run "mapping" {
  module {
    source = "./modules/publisher"
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream.event_source_arn == var.stream_arn && aws_lambda_event_source_mapping.stream.function_name == module.function.arn
    error_message = "The stream must feed the function."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
  assert {
    condition     = aws_lambda_event_source_mapping.stream.starting_position == "TRIM_HORIZON"
    error_message = "What changes until the mapping begins to read must not be lost."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
  assert {
    condition = (
      aws_lambda_event_source_mapping.stream.function_response_types == toset(["ReportBatchItemFailures"]) &&
      aws_lambda_event_source_mapping.stream.bisect_batch_on_function_error == true &&
      aws_lambda_event_source_mapping.stream.maximum_retry_attempts == 100 &&
      aws_lambda_event_source_mapping.stream.maximum_record_age_in_seconds == 21600 &&
      one(one(aws_lambda_event_source_mapping.stream.destination_config).on_failure).destination_arn == "arn:aws:s3:::parked"
    )
    error_message = "What fails must be tried again so often and for so long, then be parked, without its neighbours."
  }

  # By default it is what is left at the end, or all of it.
  assert {
    condition     = aws_lambda_event_source_mapping.stream.maximum_batching_window_in_seconds == 0 && coalesce(aws_lambda_event_source_mapping.stream.tumbling_window_in_seconds, 0) == 0
    error_message = "Nothing may wait until a batch is full."
  }

  assert {
    condition = jsondecode(one(one(aws_lambda_event_source_mapping.stream.filter_criteria).filter).pattern) == {
      eventName = ["INSERT", "MODIFY"]
      dynamodb  = { NewImage = { status = { S = [{ exists = true }] } } }
    }
    error_message = "Claims and expired tombstones must not be paid for."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.stream.metrics_config).metrics == toset(["EventCount"])
    error_message = "Alarms must be able to tell what was read, dropped and parked."
  }
}

run "without_backfills" {
  module {
    source = "./modules/publisher"
  }

  variables {
    backfills = false
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
  assert {
    condition = jsondecode(one(one(aws_lambda_event_source_mapping.stream.filter_criteria).filter).pattern).dynamodb.NewImage == {
      status     = { S = [{ exists = true }] }
      backfilled = { BOOL = [{ exists = false }] }
    }
    error_message = "What a backfill made must be left out before anything is paid for it."
  }
}

run "keys" {
  module {
    source = "./modules/publisher"
  }

  assert {
    condition = [for statement in jsondecode(module.function.role.policies["encryption"]).Statement : "${join(" ", statement.Action)} on ${join(" ", flatten([statement.Resource]))}"] == [
      "kms:Decrypt on ${join(" ", var.kms_key_arns)}",
      "kms:GenerateDataKey on ${var.kms_key_arns[0]}",
    ]
    error_message = "Rows that another key encrypted must be readable, and what is parked be encrypted with the one in use."
  }
}
