# What every function has: its code, a role, a group to log to, and on request a network, a boundary and snapshots.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "thumbs-thumbnailer"
  description = "Renders thumbnails"
  handler     = "thumbnailer.handler.handler"
  aws         = { account_id = "123456789012", partition = "aws", region = "eu-central-1" }
  package = {
    archive      = { file = "./tests/fixtures/thumbnailer.zip", object = null }
    runtime      = "python3.13"
    architecture = "arm64"
    layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
  }
  sizing       = { memory_mb = 1769, timeout_seconds = 60 }
  environment  = { SETTINGS = "{}" }
  references   = { ALERTS_TOPIC_ARN = "arn:aws:sns:eu-central-1:123456789012:alerts" }
  capabilities = { consume = "[{\"Effect\":\"Allow\",\"Action\":[\"sqs:ReceiveMessage\"],\"Resource\":\"arn:aws:sqs:eu-central-1:123456789012:work\"}]" }
  logs         = { group_name = "/aws/lambda/thumbs-thumbnailer", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
}

run "as_it_is" {
  module {
    source = "./modules/function"
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap(merge(var.environment, var.references))
    error_message = "The function must be told what it was given, and nothing else."
  }

  assert {
    condition     = aws_lambda_function.this.handler == var.handler && aws_lambda_function.this.layers == tolist(var.package.layer_arns)
    error_message = "The function must start in its handler, with the layer."
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "python3.13" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "The function must run on what its archive was built for."
  }

  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/fixtures/thumbnailer.zip") && output.sha256 == aws_lambda_function.this.source_code_hash
    error_message = "A new archive must be noticed by its hash."
  }

  assert {
    condition     = length(aws_lambda_function.this.tracing_config) == 0 && aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "The function must neither be traced nor reserve anything unless told to."
  }

  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.this.name &&
      aws_lambda_function.this.logging_config[0].log_format == "Text" &&
      aws_cloudwatch_log_group.this.name == var.logs.group_name &&
      aws_cloudwatch_log_group.this.retention_in_days == 30 && aws_cloudwatch_log_group.this.kms_key_id == var.logs.kms_key_arn
    )
    error_message = "The function must log to the group that has a retention and a key, as it wrote it."
  }

  assert {
    condition = { for name, policy in output.role.policies : name => one(jsondecode(policy).Statement) } == {
      consume = { Effect = "Allow", Action = ["sqs:ReceiveMessage"], Resource = "arn:aws:sqs:eu-central-1:123456789012:work" }
      logs = {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer:*"
      }
    }
    error_message = "The role must be able to do what it was given and to log to its group, and nothing else."
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

  assert {
    condition     = length(aws_lambda_function.this.snap_start) == 0 && aws_lambda_function.this.publish == false
    error_message = "Without SnapStart there must be no versions, which would pile up."
  }

  assert {
    condition     = output.target_arn == "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer" && output.arn == output.target_arn
    error_message = "Without SnapStart events must go to the function as it is."
  }

  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0 && length(aws_iam_role_policy.network) == 0 && aws_iam_role.this.permissions_boundary == null
    error_message = "By default the function must be in no VPC, and its role must not be able to do anything in one."
  }
}

run "with_all_that_there_is" {
  module {
    source = "./modules/function"
  }

  variables {
    sizing                   = { memory_mb = 512, timeout_seconds = 900, reserved_concurrency = 1 }
    snap_start               = true
    tracing                  = "Active"
    vpc                      = { subnet_ids = ["subnet-0a", "subnet-0b"], security_group_ids = ["sg-0a"] }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = "${aws_lambda_function.this.memory_size} MB, ${aws_lambda_function.this.timeout} s, ${aws_lambda_function.this.reserved_concurrent_executions} at a time" == "512 MB, 900 s, 1 at a time"
    error_message = "The function must have the sizes that were asked for."
  }

  assert {
    condition     = aws_lambda_function.this.snap_start[0].apply_on == "PublishedVersions" && aws_lambda_function.this.publish
    error_message = "SnapStart makes snapshots of published versions only."
  }

  assert {
    condition     = output.target_arn == "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer:1"
    error_message = "Events must go to the version that has the snapshot: the unpublished function has none."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "The function must be traced when it is to be."
  }

  assert {
    condition = one(jsondecode(output.role.policies["trace"]).Statement) == {
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = "*"
    }
    error_message = "A function that is traced must be able to say so to X-Ray, which knows no resources."
  }

  assert {
    condition = (
      aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-0a", "subnet-0b"]) &&
      aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-0a"])
    )
    error_message = "The function must work in the subnets and security groups that it was given."
  }

  assert {
    condition = [for statement in jsondecode(output.role.policies["network"]).Statement : {
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

run "environment_too_large" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    environment = { LONG = join("", [for number in range(960) : "\"ä"]) }
  }

  # As JSON, a quotation mark has two bytes, and a letter like this one has two.
  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
  expect_failures = [aws_lambda_function.this]
}

run "environment_just_small_enough" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    environment = { LONG = join("", [for number in range(940) : "\"ä"]) }
  }
}

run "an_object_in_s3" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    package = {
      archive      = { file = null, object = { bucket = "artifacts", key = "0.2.0/thumbnailer.zip", version = "v1", sha256 = "c2hh" } }
      runtime      = "python3.13"
      architecture = "arm64"
      layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
    }
  }

  assert {
    condition = [
      aws_lambda_function.this.s3_bucket, aws_lambda_function.this.s3_key, aws_lambda_function.this.s3_object_version,
      aws_lambda_function.this.source_code_hash, output.sha256,
    ] == ["artifacts", "0.2.0/thumbnailer.zip", "v1", "c2hh", "c2hh"] && aws_lambda_function.this.filename == null
    error_message = "Lambda must fetch the very object that was named."
  }
}

run "not_built" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    package = { archive = { file = "./tests/fixtures/missing.zip", object = null }, runtime = "python3.13", architecture = "arm64", layer_arns = [] }
  }

  expect_failures = [aws_lambda_function.this]
}
