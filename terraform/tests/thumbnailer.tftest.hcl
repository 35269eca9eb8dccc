# The function that renders thumbnails: what it is told, what feeds it, and what it may do.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function = {
    name = "thumbs-thumbnailer"
    package = {
      archive      = { file = "./tests/fixtures/thumbnailer.zip", object = null }
      runtime      = "python3.13"
      architecture = "arm64"
      layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
    }
    logs        = { group_name = "/aws/lambda/thumbs-thumbnailer", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
    environment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }
  }
  aws      = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  sizing   = { memory_mb = 1769, timeout_seconds = 60 }
  batching = { size = 25, window_seconds = 3 }
  settings = {
    renditions = [{
      name       = "small", width = 128, height = 96, fit = "cover", format = "webp", quality = 80, crop = "centre",
      background = "#ffffff", enlarge = false
    }]
    limits    = { bytes = 1, pixels = 2, side = 3, frames = 4, animated_pixels = 5 }
    animation = "first-frame"
    truncated = "fail"
    include   = []
    exclude   = ["._*"]
  }
  uploads    = { bucket_arn = "arn:aws:s3:::uploads", bucket_name = "uploads", prefix = "photos/" }
  thumbnails = { bucket_arn = "arn:aws:s3:::thumbnails", bucket_name = "thumbnails" }
  catalog    = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog", table_name = "catalog" }
  queues = {
    work     = { arn = "arn:aws:sqs:eu-central-1:123456789012:work", maximum_concurrency = 20 }
    backfill = { arn = "arn:aws:sqs:eu-central-1:123456789012:backfill", maximum_concurrency = 10 }
  }
  alerts_topic_arn    = "arn:aws:sns:eu-central-1:123456789012:alerts"
  digests             = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/digests", table_name = "digests", window_seconds = 900 }
  runbook_url         = "https://wiki.example.com/runbook"
  kms_key_arn         = "arn:aws:kms:eu-central-1:123456789012:key/k"
  propagate_deletions = true
  cache_control       = "public, max-age=3600"
  tombstone_days      = 30
  retry_first_seconds = 20
  max_receive_count   = 5

  retry_denied_seconds = 3600

  logging = { level = "INFO", debug_sample_rate = 0.05 }
  tracing = "Active"
}

run "function" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition = { for key, value in module.function.environment : key => value if key != "SETTINGS" } == {
      SOURCE_PREFIX         = "photos/"
      SOURCE_BUCKET         = "uploads"
      THUMBNAILS_BUCKET     = "thumbnails"
      CATALOG_TABLE         = "catalog"
      ALERTS_TOPIC_ARN      = "arn:aws:sns:eu-central-1:123456789012:alerts"
      TOMBSTONE_DAYS        = "30"
      RETRY_FIRST_SECONDS   = "20"
      RETRY_DENIED_SECONDS  = "3600"
      MAX_RECEIVE_COUNT     = "5"
      KEY_IDS               = "k"
      TIMEOUT_SECONDS       = "60"
      LOG_LEVEL             = "INFO"
      PROPAGATE_DELETIONS   = "true"
      CACHE_CONTROL         = "public, max-age=3600"
      DEBUG_SAMPLE_RATE     = "0.05"
      DIGESTS_TABLE         = "digests"
      DIGEST_WINDOW_SECONDS = "900"
      RUNBOOK_URL           = "https://wiki.example.com/runbook"
      AWS_ENDPOINT_URL      = "http://127.0.0.1:4566"
    }
    error_message = "The function must be told where everything is, and nothing else."
  }

  assert {
    condition = jsondecode(module.function.environment["SETTINGS"]) == {
      renditions = [{
        name       = "small", width = 128, height = 96, fit = "cover", format = "webp", quality = 80, crop = "centre",
        background = "#ffffff", enlarge = false, effort = null
      }]
      limits    = { bytes = 1, pixels = 2, side = 3, frames = 4, animated_pixels = 5 }
      animation = "first-frame"
      truncated = "fail"
      include   = []
      exclude   = ["._*"]
    }
    error_message = "SETTINGS must carry renditions, limits, both policies and globs, under these names."
  }
}

run "event_source" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition = { for mapping in aws_lambda_event_source_mapping.queue : mapping.event_source_arn => mapping.function_name } == {
      for queue in var.queues : queue.arn => module.function.arn
    }
    error_message = "Both queues must feed the function."
  }

  assert {
    condition     = [for mapping in aws_lambda_event_source_mapping.queue : mapping.function_response_types] == [toset(["ReportBatchItemFailures"]), toset(["ReportBatchItemFailures"])]
    error_message = "One failure must not bring back its whole batch."
  }

  assert {
    condition     = { for queue, mapping in aws_lambda_event_source_mapping.queue : queue => one(mapping.scaling_config).maximum_concurrency } == { backfill = 10, work = 20 }
    error_message = "Concurrency must be bounded where it does not use up receives, for each queue by itself."
  }

  assert {
    condition     = [for mapping in aws_lambda_event_source_mapping.queue : length(mapping.provisioned_poller_config)] == [0, 0]
    error_message = "Pollers that are paid for by the hour must be asked for."
  }

  assert {
    condition     = [for mapping in aws_lambda_event_source_mapping.queue : "${mapping.batch_size} ${mapping.maximum_batching_window_in_seconds}"] == ["25 3", "25 3"]
    error_message = "Batches must be as asked for."
  }
}

run "role" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition = { for name, policy in module.function.role.policies : name => sort(flatten(jsondecode(policy).Statement[*].Action)) } == {
      alert              = tolist(["dynamodb:UpdateItem", "sns:Publish"])
      catalog            = tolist(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"])
      consume            = tolist(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"])
      encryption         = tolist(["kms:Decrypt", "kms:GenerateDataKey"])
      logs               = tolist(["logs:CreateLogStream", "logs:PutLogEvents"])
      read-sources       = tolist(["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"])
      replace-thumbnails = tolist(["s3:GetObject"])
      trace              = tolist(["xray:PutTelemetryRecords", "xray:PutTraceSegments"])
      write-thumbnails   = tolist(["s3:DeleteObject", "s3:ListBucket", "s3:PutObject"])
    }
    error_message = "The role must be able to do this, and nothing else."
  }

  assert {
    condition = length(module.function.role.policies) > 0 && alltrue(flatten([
      for policy in module.function.role.policies : [
        for statement in jsondecode(policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
      ]
    ]))
    error_message = "No action may be a wildcard."
  }

  assert {
    condition = toset([
      for name, policy in module.function.role.policies : name
      if contains(jsondecode(policy).Statement[*].Resource, "*")
    ]) == toset(["trace"])
    error_message = "Only X-Ray, which knows no resources, may be allowed on all of them."
  }

  assert {
    condition     = jsondecode(module.function.role.policies["read-sources"]).Statement[*].Resource == ["arn:aws:s3:::uploads/photos/*", "arn:aws:s3:::uploads"]
    error_message = "Sources must be readable under the watched prefix alone."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(module.function.role.policies["write-thumbnails"]).Statement :
      contains(statement.Action, "s3:ListBucket")
      ? statement.Resource == "arn:aws:s3:::thumbnails" && statement.Action == ["s3:ListBucket"] && statement.Condition == { NumericEquals = { "s3:max-keys" = "1" } }
      : statement.Resource == "arn:aws:s3:::thumbnails/*"
    ])
    error_message = "Thumbnails must be listed one at a time."
  }

  assert {
    condition = {
      for name in ["catalog", "consume", "logs", "replace-thumbnails"] :
      name => one(jsondecode(module.function.role.policies[name]).Statement).Resource
      } == {
      catalog            = var.catalog.table_arn
      consume            = ["arn:aws:sqs:eu-central-1:123456789012:backfill", "arn:aws:sqs:eu-central-1:123456789012:work"]
      logs               = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer:*"
      replace-thumbnails = "arn:aws:s3:::thumbnails/*"
    }
    error_message = "Every capability must be limited to the one thing it is about."
  }

  assert {
    condition = { for statement in jsondecode(module.function.role.policies["alert"]).Statement : one(statement.Action) => statement.Resource } == {
      "sns:Publish"         = var.alerts_topic_arn
      "dynamodb:UpdateItem" = var.digests.table_arn
    }
    error_message = "Alerting must reach the one topic and the one table that spaces digests out."
  }

  assert {
    condition = one(jsondecode(module.function.role.policies["encryption"]).Statement) == {
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.kms_key_arn]
      Condition = {
        StringEquals = {
          "kms:ViaService" = [
            "s3.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com",
            "dynamodb.eu-central-1.amazonaws.com", "sns.eu-central-1.amazonaws.com",
          ]
        }
      }
    }
    error_message = "The key must be usable through the services that store for the function, and in no other way."
  }
}

run "without_snap_start" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition     = toset([for mapping in aws_lambda_event_source_mapping.queue : mapping.function_name]) == toset(["arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer"])
    error_message = "Without SnapStart the queues must feed the function as it is."
  }
}

run "with_snap_start" {
  module {
    source = "./modules/thumbnailer"
  }

  variables {
    snap_start = true
  }

  assert {
    condition     = toset([for mapping in aws_lambda_event_source_mapping.queue : mapping.function_name]) == toset(["arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer:1"])
    error_message = "The queues must feed the version that has the snapshot: the unpublished function has none."
  }
}

run "parallelism" {
  command = plan

  module {
    source = "./modules/thumbnailer"
  }

  variables {
    parallelism = { images = 12, writes = 50 }
  }

  assert {
    condition = {
      for key, value in module.function.environment : key => value if endswith(key, "_AT_ONCE")
    } == { IMAGES_AT_ONCE = "12", WRITES_AT_ONCE = "50" }
    error_message = "The function must be told the numbers that are set, and derive the others."
  }
}

run "provisioned_pollers" {
  module {
    source = "./modules/thumbnailer"
  }

  variables {
    queues = {
      work     = { arn = "arn:aws:sqs:eu-central-1:123456789012:work", pollers = { minimum = 3, maximum = 40 } }
      backfill = { arn = "arn:aws:sqs:eu-central-1:123456789012:backfill", maximum_concurrency = 10 }
    }
  }

  assert {
    condition = { for queue, mapping in aws_lambda_event_source_mapping.queue : queue => join(" and ", concat(
      [for pollers in mapping.provisioned_poller_config : "${pollers.minimum_pollers} to ${pollers.maximum_pollers} pollers"],
      [for scaling in mapping.scaling_config : "at most ${scaling.maximum_concurrency}"],
    )) } == { work = "3 to 40 pollers", backfill = "at most 10" }
    error_message = "Each queue must have its pollers or its maximum concurrency, and never both, which Lambda refuses."
  }
}

run "keys_of_others" {
  module {
    source = "./modules/thumbnailer"
  }

  variables {
    other_kms_key_arns = ["arn:aws:kms:eu-central-1:210987654321:key/uploads"]
  }

  assert {
    condition     = one(jsondecode(module.function.role.policies["encryption"]).Statement).Resource == [var.kms_key_arn, "arn:aws:kms:eu-central-1:210987654321:key/uploads"]
    error_message = "The keys that others encrypt with must be usable as well, and no further one."
  }
}

run "thumbnails_never_go_to_the_uploads_bucket" {
  command = plan

  module {
    source = "./modules/thumbnailer"
  }

  variables {
    thumbnails = { bucket_arn = "arn:aws:s3:::uploads", bucket_name = "uploads" }
  }

  expect_failures = [var.thumbnails]
}
