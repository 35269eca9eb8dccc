# The function: what it is told, what feeds it, and what it may do.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  names = { function = "thumbs-thumbnailer", layer = "thumbs-imaging" }
  aws   = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  package = {
    function_archive = "./tests/fixtures/archive.zip"
    layer_archive    = "./tests/fixtures/archive.zip"
    runtime          = "python3.13"
    architecture     = "arm64"
  }
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
  log_kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/k"
  propagate_deletions = true
  cache_control       = "public, max-age=3600"
  tombstone_days      = 30
  retry_first_seconds = 20
  logs                = { group_name = "/aws/lambda/thumbs-thumbnailer", level = "INFO", debug_sample_rate = 0.05, retention_days = 30 }
  tracing             = "Active"
  environment         = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }
}

run "function" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition = { for key, value in aws_lambda_function.this.environment[0].variables : key => value if key != "SETTINGS" } == {
      SOURCE_PREFIX         = "photos/"
      SOURCE_BUCKET         = "uploads"
      THUMBNAILS_BUCKET     = "thumbnails"
      CATALOG_TABLE         = "catalog"
      ALERTS_TOPIC_ARN      = "arn:aws:sns:eu-central-1:123456789012:alerts"
      TOMBSTONE_DAYS        = "30"
      RETRY_FIRST_SECONDS   = "20"
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
    condition = jsondecode(aws_lambda_function.this.environment[0].variables["SETTINGS"]) == {
      renditions = [{
        name       = "small", width = 128, height = 96, fit = "cover", format = "webp", quality = 80, crop = "centre",
        background = "#ffffff", enlarge = false, effort = null
      }]
      limits    = { bytes = 1, pixels = 2, side = 3, frames = 4, animated_pixels = 5 }
      animation = "first-frame"
      truncated = "fail"
    }
    error_message = "SETTINGS must carry renditions, limits and both policies, under these names."
  }

  assert {
    condition     = aws_lambda_function.this.handler == "thumbnailer.handler.handler" && aws_lambda_function.this.layers == tolist([aws_lambda_layer_version.imaging.arn])
    error_message = "The function must start in thumbnailer.handler.handler, with the layer."
  }

  assert {
    condition = (
      aws_lambda_function.this.runtime == "python3.13" && aws_lambda_layer_version.imaging.compatible_runtimes == toset(["python3.13"]) &&
      aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_layer_version.imaging.compatible_architectures == toset(["arm64"])
    )
    error_message = "Function and layer must agree on runtime and architecture."
  }

  assert {
    condition = (
      aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/fixtures/archive.zip") &&
      aws_lambda_layer_version.imaging.source_code_hash == filebase64sha256("./tests/fixtures/archive.zip")
    )
    error_message = "A new archive must be noticed by its hash."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active" && aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "The function must be traced, and reserve nothing unless told to."
  }

  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.this.name &&
      aws_cloudwatch_log_group.this.retention_in_days == 30 && aws_cloudwatch_log_group.this.kms_key_id == var.log_kms_key_arn
    )
    error_message = "The function must log to the group that has a retention and a key."
  }
}

run "event_source" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition = { for mapping in aws_lambda_event_source_mapping.queue : mapping.event_source_arn => mapping.function_name } == {
      for queue in var.queues : queue.arn => aws_lambda_function.this.arn
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
    condition = { for name, policy in aws_iam_role_policy.capability : name => sort(flatten(jsondecode(policy.policy).Statement[*].Action)) } == {
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
    condition = length(aws_iam_role_policy.capability) > 0 && alltrue(flatten([
      for policy in aws_iam_role_policy.capability : [
        for statement in jsondecode(policy.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
      ]
    ]))
    error_message = "No action may be a wildcard."
  }

  assert {
    condition = toset([
      for name, policy in aws_iam_role_policy.capability : name
      if contains(jsondecode(policy.policy).Statement[*].Resource, "*")
    ]) == toset(["trace"])
    error_message = "Only X-Ray, which knows no resources, may be allowed on all of them."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.capability["read-sources"].policy).Statement[*].Resource == ["arn:aws:s3:::uploads/photos/*", "arn:aws:s3:::uploads"]
    error_message = "Sources must be readable under the watched prefix alone."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.capability["write-thumbnails"].policy).Statement :
      contains(statement.Action, "s3:ListBucket")
      ? statement.Resource == "arn:aws:s3:::thumbnails" && statement.Action == ["s3:ListBucket"] && statement.Condition == { NumericEquals = { "s3:max-keys" = "1" } }
      : statement.Resource == "arn:aws:s3:::thumbnails/*"
    ])
    error_message = "Thumbnails must be listed one at a time."
  }

  assert {
    condition = {
      for name in ["catalog", "consume", "logs", "replace-thumbnails"] :
      name => one(jsondecode(aws_iam_role_policy.capability[name].policy).Statement).Resource
      } == {
      catalog            = var.catalog.table_arn
      consume            = ["arn:aws:sqs:eu-central-1:123456789012:backfill", "arn:aws:sqs:eu-central-1:123456789012:work"]
      logs               = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer:*"
      replace-thumbnails = "arn:aws:s3:::thumbnails/*"
    }
    error_message = "Every capability must be limited to the one thing it is about."
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.capability["alert"].policy).Statement : one(statement.Action) => statement.Resource } == {
      "sns:Publish"         = var.alerts_topic_arn
      "dynamodb:UpdateItem" = var.digests.table_arn
    }
    error_message = "Alerting must reach the one topic and the one table that spaces digests out."
  }

  assert {
    condition = one(jsondecode(aws_iam_role_policy.capability["encryption"].policy).Statement) == {
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

  assert {
    condition = alltrue([
      for policy in aws_iam_role_policy.capability : policy.role == aws_iam_role.this.id
    ]) && aws_lambda_function.this.role == aws_iam_role.this.arn
    error_message = "The function must run as the role that has the capabilities."
  }

  assert {
    condition     = one(jsondecode(aws_iam_role.this.assume_role_policy).Statement).Principal == { Service = "lambda.amazonaws.com" }
    error_message = "Lambda alone may assume the role."
  }
}

run "without_snap_start" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition     = length(aws_lambda_function.this.snap_start) == 0 && aws_lambda_function.this.publish == false
    error_message = "Without SnapStart there must be no versions, which would pile up."
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
    condition     = aws_lambda_function.this.snap_start[0].apply_on == "PublishedVersions" && aws_lambda_function.this.publish
    error_message = "SnapStart makes snapshots of published versions only."
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
      for key, value in aws_lambda_function.this.environment[0].variables : key => value if endswith(key, "_AT_ONCE")
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

run "environment_too_large" {
  command = plan

  module {
    source = "./modules/thumbnailer"
  }

  variables {
    environment = { LONG = join("", [for number in range(1000) : "long"]) }
  }

  expect_failures = [aws_lambda_function.this]
}

run "in_a_vpc_and_within_a_boundary" {
  module {
    source = "./modules/thumbnailer"
  }

  variables {
    vpc                      = { subnet_ids = ["subnet-0a", "subnet-0b"], security_group_ids = ["sg-0a"] }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition = (
      aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-0a", "subnet-0b"]) &&
      aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-0a"])
    )
    error_message = "The function must work in the subnets and security groups that it was given."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.network["on"].policy).Statement : {
      effect    = statement.Effect
      actions   = length(statement.Action)
      condition = jsonencode(try(statement.Condition, null))
      }] == [
      { effect = "Allow", actions = 6, condition = "null" },
      { effect = "Deny", actions = 6, condition = jsonencode({ ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer" } }) },
    ]
    error_message = "Lambda must be able to make interfaces, and the function's code must not."
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == var.permissions_boundary_arn
    error_message = "No role may do more than the boundary allows."
  }
}

run "in_no_vpc_and_without_a_boundary" {
  module {
    source = "./modules/thumbnailer"
  }

  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0 && length(aws_iam_role_policy.network) == 0 && aws_iam_role.this.permissions_boundary == null
    error_message = "By default the function must be in no VPC, and its role must not be able to do anything in one."
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
    condition     = one(jsondecode(aws_iam_role_policy.capability["encryption"].policy).Statement).Resource == [var.kms_key_arn, "arn:aws:kms:eu-central-1:210987654321:key/uploads"]
    error_message = "The keys that others encrypt with must be usable as well, and no further one."
  }
}
