# Bulk jobs in the account: what wakes the function up, how soon a range is taken up again, and that nothing of it is there
# unless it was asked for.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.function.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-range-worker" }
  }
}

variables {
  function = {
    name = "thumbs-range-worker"
    package = {
      archive      = { file = "./tests/fixtures/range_worker.zip", object = null }
      runtime      = "python3.13"
      architecture = "arm64"
      layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
    }
    logs        = { group_name = "/aws/lambda/thumbs-range-worker", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
    environment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }
  }
  names            = { ranges_queue = "thumbs-ranges", jobs_table = "thumbs-jobs", schedule_group = "thumbs", schedule_role = "thumbs-range-worker-schedule" }
  aws              = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  ranges_at_a_time = 25
  settings         = "{}"
  uploads          = { bucket_arn = "arn:aws:s3:::uploads", bucket_name = "uploads", prefix = "photos/" }
  thumbnails       = { bucket_arn = "arn:aws:s3:::thumbnails", bucket_name = "thumbnails" }
  catalog          = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog", table_name = "catalog" }
  backfill = {
    queue_arn    = "arn:aws:sqs:eu-central-1:123456789012:backfill"
    queue_url    = "https://sqs.eu-central-1.amazonaws.com/123456789012/backfill"
    mapping_arn  = "arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:m"
    mapping_uuid = "m"
  }
  dead_letters        = { queue_arn = "arn:aws:sqs:eu-central-1:123456789012:dead", queue_url = "https://sqs.eu-central-1.amazonaws.com/123456789012/dead" }
  propagate_deletions = true
  metrics_function    = "thumbs-thumbnailer"

  without_tls = { Bool = { "aws:SecureTransport" = ["false"] } }
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
}

run "worker" {
  module {
    source = "./modules/jobs"
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
  assert {
    condition     = aws_lambda_function_recursion_config.this.function_name == module.function.name && aws_lambda_function_recursion_config.this.recursive_loop == "Allow"
    error_message = "Lambda must not take a range that was divided for a loop, and drop its message."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  assert {
    condition     = aws_sqs_queue.ranges.visibility_timeout_seconds >= tonumber(module.function.environment["TIMEOUT_SECONDS"]) && aws_sqs_queue.ranges.visibility_timeout_seconds <= 120
    error_message = "Nobody may have a range before its worker must be over, and a range whose worker was killed must be taken up again within two minutes."
  }

  assert {
    condition     = aws_sqs_queue.ranges.message_retention_seconds == 1209600
    error_message = "A message comes back after every turn, so the queue must keep it as long as there is."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.ranges.event_source_arn == aws_sqs_queue.ranges.arn && aws_lambda_event_source_mapping.ranges.function_name == module.function.arn &&
      aws_lambda_event_source_mapping.ranges.batch_size == 1 && one(aws_lambda_event_source_mapping.ranges.scaling_config).maximum_concurrency == 25 &&
      aws_lambda_event_source_mapping.ranges.function_response_types == toset(["ReportBatchItemFailures"])
    )
    error_message = "The queue of ranges must feed the function, a message an invocation, so many at a time, and have those back that it names."
  }

  assert {
    condition     = aws_dynamodb_table.jobs.hash_key == "job" && aws_dynamodb_table.jobs.range_key == "what" && one(aws_dynamodb_table.jobs.ttl).attribute_name == "expires_at"
    error_message = "The table must have the keys that the function writes, and forget what is over."
  }

  assert {
    condition     = aws_sqs_queue.ranges.kms_master_key_id == var.kms_key_arn && one(aws_dynamodb_table.jobs.server_side_encryption).kms_key_arn == var.kms_key_arn
    error_message = "Queue and table must be encrypted with the deployment's key."
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.ranges.policy).Statement : statement.Condition if statement.Effect == "Deny"] == [{ Bool = { "aws:SecureTransport" = ["false"] } }]
    error_message = "The queue must be closed to requests without TLS."
  }

  assert {
    condition = {
      for name, policy in module.function.role.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))}"
      ] if name != "logs"
      } == {
      list    = ["s3:ListBucket on arn:aws:s3:::uploads"]
      catalog = ["dynamodb:BatchGetItem on arn:aws:dynamodb:eu-central-1:123456789012:table/catalog"]
      jobs    = ["dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem on ${aws_dynamodb_table.jobs.arn}"]
      ranges = [
        "sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility sqs:SendMessage sqs:GetQueueAttributes on ${aws_sqs_queue.ranges.arn}",
      ]
      backfill = ["sqs:SendMessage sqs:GetQueueAttributes on arn:aws:sqs:eu-central-1:123456789012:backfill"]
      guard = [
        "sqs:GetQueueAttributes on arn:aws:sqs:eu-central-1:123456789012:dead",
        "lambda:GetEventSourceMapping on arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:m",
      ]
      encryption = ["kms:Decrypt kms:GenerateDataKey on arn:aws:kms:eu-central-1:123456789012:key/k"]
    }
    error_message = "The function must be able to do this, and nothing else."
  }
}

run "reconciliations" {
  module {
    source = "./modules/jobs"
  }

  variables {
    reconcile = { repair = false }
  }

  assert {
    condition = {
      for name in ["list", "jobs"] : name => [
        for statement in jsondecode(module.function.role.policies[name]).Statement : "${join(" ", statement.Action)} on ${statement.Resource}"
      ]
      } == {
      list = ["s3:ListBucket on arn:aws:s3:::uploads", "s3:ListBucketVersions on arn:aws:s3:::uploads", "s3:ListBucket on arn:aws:s3:::thumbnails"]
      jobs = ["dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem on ${aws_dynamodb_table.jobs.arn}"]
    } && !contains(keys(module.function.role.policies), "delete")
    error_message = "Who compares must be able to list both buckets, and to delete nothing."
  }

  assert {
    condition = {
      for name in ["SOURCE_BUCKET", "SOURCE_PREFIX", "THUMBNAILS_BUCKET", "PROPAGATE_DELETIONS", "METRICS_FUNCTION"] : name => module.function.environment[name]
      } == {
      SOURCE_BUCKET = "uploads", SOURCE_PREFIX = "photos/", THUMBNAILS_BUCKET = "thumbnails", PROPAGATE_DELETIONS = "true", METRICS_FUNCTION = "thumbs-thumbnailer"
    }
    error_message = "The function must be told what is compared."
  }

  assert {
    condition     = output.schedule == null && !can(module.function.environment["RECONCILE_DOLLARS"])
    error_message = "Nothing may be begun by itself unless that was asked for."
  }
}

run "reconciliations_on_a_schedule" {
  module {
    source = "./modules/jobs"
  }

  variables {
    reconcile = { repair = true, schedule = "rate(7 days)", dollars = 25 }
  }

  assert {
    condition     = [for statement in jsondecode(module.function.role.policies["delete"]).Statement : "${join(" ", statement.Action)} on ${statement.Resource}"] == ["s3:DeleteObject s3:GetObject on arn:aws:s3:::thumbnails/*"]
    error_message = "Who repairs must be able to delete thumbnails, and nothing else."
  }

  assert {
    condition     = contains(one(jsondecode(module.function.role.policies["jobs"]).Statement).Action, "dynamodb:Query")
    error_message = "Whoever begins a job must be able to see whether one is open."
  }

  assert {
    condition     = module.function.environment["RECONCILE_DOLLARS"] == "25" && module.function.environment["RECONCILE_REPAIRS"] == "true"
    error_message = "What a job may cost must be as it was configured."
  }

  assert {
    condition     = output.schedule.group_name == "thumbs" && one(jsondecode(output.schedule.role.policies["invoke"]).Statement).Resource == module.function.arn
    error_message = "The schedule must invoke the function."
  }
}

run "inventories" {
  module {
    source = "./modules/jobs"
  }

  variables {
    inventories = {
      object_arns  = ["arn:aws:s3:::lists/photos/*", "arn:aws:s3:::others/*"]
      kms_key_arns = ["arn:aws:kms:eu-central-1:999999999999:key/lists"]
    }
  }

  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
  assert {
    condition = jsondecode(module.function.role.policies["inventories"]).Statement == [
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:aws:s3:::lists/photos/*", "arn:aws:s3:::others/*"] },
      {
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = ["arn:aws:kms:eu-central-1:999999999999:key/lists"]
        Condition = { StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } }
      },
    ]
    error_message = "The function must be able to read these inventories, and to use their key through S3 alone."
  }
}
