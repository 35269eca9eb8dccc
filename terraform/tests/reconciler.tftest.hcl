# The reconciler: told what the other function is told, allowed to read and to move its own cursor, one run at a time.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler" }
  }

  override_resource {
    target = aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler" }
  }

  override_resource {
    target = aws_iam_role.this
    values = { arn = "arn:aws:iam::123456789012:role/thumbs-reconciler" }
  }

  override_resource {
    target = aws_iam_role.schedule
    values = { arn = "arn:aws:iam::123456789012:role/thumbs-reconciler-schedule" }
  }

  override_resource {
    target = aws_ssm_parameter.cursor
    values = { arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/thumbnail-pipeline/thumbs/reconcile" }
  }
}

variables {
  names = {
    function         = "thumbs-reconciler"
    schedule_group   = "thumbs"
    schedule_role    = "thumbs-reconciler-schedule"
    cursor_parameter = "/thumbnail-pipeline/thumbs/reconcile"
  }
  aws     = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  package = { function_archive = "./tests/fixtures/archive.zip", runtime = "python3.13", architecture = "arm64" }

  propagate_deletions = true
  layer_arn           = "arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"
  schedule            = "rate(1 day)"
  settings            = "{}"
  uploads             = { bucket_arn = "arn:aws:s3:::uploads", bucket_name = "uploads", prefix = "photos/" }
  thumbnails          = { bucket_arn = "arn:aws:s3:::thumbnails", bucket_name = "thumbnails" }
  catalog             = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog", table_name = "catalog" }
  metrics_function    = "thumbs-thumbnailer"
  kms_key_arn         = "arn:aws:kms:eu-central-1:123456789012:key/k"
  log_kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/k"
  logs                = { group_name = "/aws/lambda/thumbs-reconciler", retention_days = 30 }
  environment         = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }
}

run "function" {
  module {
    source = "./modules/reconciler"
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
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
      aws_lambda_function.this.handler == "reconciler.handler.handler" && aws_lambda_function.this.layers == tolist([var.layer_arn]) &&
      aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/fixtures/archive.zip")
    )
    error_message = "The function must start in reconciler.handler.handler, with the layer, and a new archive must be noticed."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 1
    error_message = "Two passes at a time would move each other's cursor."
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.function_name == aws_lambda_function.this.function_name &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    )
    error_message = "A run that failed must wait for its next time."
  }

  assert {
    condition     = aws_lambda_function.this.timeout == 900 && aws_lambda_function.this.memory_size == 512
    error_message = "A run must last as long as Lambda lets it."
  }

  assert {
    condition     = aws_ssm_parameter.cursor.insecure_value == "{}" && aws_ssm_parameter.cursor.type == "String"
    error_message = "The first pass must begin at the beginning."
  }

  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/thumbs-reconciler" &&
      aws_cloudwatch_log_group.this.retention_in_days == 30 && aws_cloudwatch_log_group.this.kms_key_id == var.log_kms_key_arn
    )
    error_message = "The function must log to a group that has a retention and a key."
  }
}

run "role" {
  module {
    source = "./modules/reconciler"
  }

  assert {
    condition = {
      for name, policy in aws_iam_role_policy.capability : name => [
        for statement in jsondecode(policy.policy).Statement : "${join(" ", statement.Action)} on ${statement.Resource}"
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
    condition     = one(jsondecode(aws_iam_role_policy.capability["encryption"].policy).Statement).Condition == { StringEquals = { "kms:ViaService" = "dynamodb.eu-central-1.amazonaws.com" } }
    error_message = "The key must be usable through the catalog, and in no other way."
  }

  assert {
    condition = (
      alltrue([for policy in aws_iam_role_policy.capability : policy.role == aws_iam_role.this.id]) &&
      aws_lambda_function.this.role == aws_iam_role.this.arn &&
      one(jsondecode(aws_iam_role.this.assume_role_policy).Statement).Principal == { Service = "lambda.amazonaws.com" }
    )
    error_message = "The function must run as the role that has the capabilities, and Lambda alone may assume it."
  }
}

run "schedule" {
  module {
    source = "./modules/reconciler"
  }

  assert {
    condition = (
      aws_scheduler_schedule.this.schedule_expression == "rate(1 day)" &&
      aws_scheduler_schedule.this.group_name == aws_scheduler_schedule_group.this.name &&
      aws_scheduler_schedule.this.target[0].arn == aws_lambda_function.this.arn &&
      aws_scheduler_schedule.this.target[0].role_arn == aws_iam_role.schedule.arn
    )
    error_message = "The schedule must run the function, as its own role."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_retry_attempts == 2 && aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_event_age_in_seconds == 300
    error_message = "What cannot be started must not be tried for a day, which is the default."
  }

  assert {
    condition = one(jsondecode(aws_iam_role_policy.invoke.policy).Statement) == {
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler"
    } && aws_iam_role_policy.invoke.role == aws_iam_role.schedule.id
    error_message = "The schedule must be able to invoke this one function, and nothing else."
  }

  assert {
    condition = one(jsondecode(aws_iam_role.schedule.assume_role_policy).Statement) == {
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = "123456789012"
          "aws:SourceArn"     = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/${aws_scheduler_schedule_group.this.name}"
        }
      }
    }
    error_message = "Only schedules of this group may run the function."
  }
}

run "in_a_vpc_and_within_a_boundary" {
  module {
    source = "./modules/reconciler"
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
      { effect = "Deny", actions = 6, condition = jsonencode({ ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler" } }) },
    ]
    error_message = "Lambda must be able to make interfaces, and the function's code must not."
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == var.permissions_boundary_arn && aws_iam_role.schedule.permissions_boundary == var.permissions_boundary_arn
    error_message = "No role may do more than the boundary allows."
  }
}

run "in_no_vpc_and_without_a_boundary" {
  module {
    source = "./modules/reconciler"
  }

  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0 && length(aws_iam_role_policy.network) == 0 && aws_iam_role.this.permissions_boundary == null
    error_message = "By default the function must be in no VPC, and its role must not be able to do anything in one."
  }
}
