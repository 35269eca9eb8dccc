# The reconciler: told what the other function is told, allowed to read and to move its own cursor, one run at a time.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.function.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler" }
  }

  override_resource {
    target = module.function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler" }
  }

  override_resource {
    target = module.function.aws_iam_role.this
    values = { arn = "arn:aws:iam::123456789012:role/thumbs-reconciler" }
  }

  override_resource {
    target = module.schedule.aws_iam_role.this
    values = { arn = "arn:aws:iam::123456789012:role/thumbs-reconciler-schedule" }
  }

  override_resource {
    target = aws_ssm_parameter.cursor
    values = { arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/thumbnail-pipeline/thumbs/reconcile" }
  }
}

variables {
  function = {
    name = "thumbs-reconciler"
    package = {
      archive      = { file = "./tests/fixtures/reconciler.zip", object = null }
      runtime      = "python3.13"
      architecture = "arm64"
      layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
    }
    logs        = { group_name = "/aws/lambda/thumbs-reconciler", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
    environment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }
  }
  names = {
    schedule_group   = "thumbs"
    schedule_role    = "thumbs-reconciler-schedule"
    cursor_parameter = "/thumbnail-pipeline/thumbs/reconcile"
  }
  aws = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }

  propagate_deletions = true
  schedule            = "rate(1 day)"
  settings            = "{}"
  uploads             = { bucket_arn = "arn:aws:s3:::uploads", bucket_name = "uploads", prefix = "photos/" }
  thumbnails          = { bucket_arn = "arn:aws:s3:::thumbnails", bucket_name = "thumbnails" }
  catalog             = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog", table_name = "catalog" }
  metrics_function    = "thumbs-thumbnailer"
  kms_key_arn         = "arn:aws:kms:eu-central-1:123456789012:key/k"
}

run "function" {
  module {
    source = "./modules/reconciler"
  }

  assert {
    condition = module.function.environment == tomap({
      SETTINGS          = "{}"
      SOURCE_BUCKET     = "uploads"
      SOURCE_PREFIX     = "photos/"
      THUMBNAILS_BUCKET = "thumbnails"
      CATALOG_TABLE     = "catalog"
      CURSOR_PARAMETER  = "/thumbnail-pipeline/thumbs/reconcile"

      PROPAGATE_DELETIONS = "true"
      METRICS_FUNCTION    = "thumbs-thumbnailer"
      AWS_ENDPOINT_URL    = "http://127.0.0.1:4566"
    })
    error_message = "The function must be told where everything is, and nothing else."
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.function_name == module.function.name &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    )
    error_message = "A run that failed must wait for its next time."
  }

  assert {
    condition     = aws_ssm_parameter.cursor.insecure_value == "{}" && aws_ssm_parameter.cursor.type == "String"
    error_message = "The first pass must begin at the beginning."
  }
}

run "role" {
  module {
    source = "./modules/reconciler"
  }

  assert {
    condition = {
      for name, policy in module.function.role.policies : name => [
        for statement in jsondecode(policy).Statement : "${join(" ", statement.Action)} on ${statement.Resource}"
      ]
      } == {
      catalog    = ["dynamodb:BatchGetItem on arn:aws:dynamodb:eu-central-1:123456789012:table/catalog"]
      cursor     = ["ssm:GetParameter ssm:PutParameter on arn:aws:ssm:eu-central-1:123456789012:parameter/thumbnail-pipeline/thumbs/reconcile"]
      encryption = ["kms:Decrypt on arn:aws:kms:eu-central-1:123456789012:key/k"]
      list       = ["s3:ListBucket s3:ListBucketVersions on arn:aws:s3:::uploads", "s3:ListBucket on arn:aws:s3:::thumbnails"]
      logs       = ["logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler:*"]
    }
    error_message = "The role must be able to read, to move its cursor and to log, and nothing else."
  }

  assert {
    condition     = one(jsondecode(module.function.role.policies["encryption"]).Statement).Condition == { StringEquals = { "kms:ViaService" = "dynamodb.eu-central-1.amazonaws.com" } }
    error_message = "The key must be usable through the catalog, and in no other way."
  }
}

run "schedule" {
  module {
    source = "./modules/reconciler"
  }

  assert {
    condition     = output.schedule_group_name == "thumbs" && one(jsondecode(output.schedule_role.policies["invoke"]).Statement).Resource == module.function.arn
    error_message = "The schedule must be in the group that metrics and trust are about, and invoke the function."
  }
}
