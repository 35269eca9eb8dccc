# Every policy of a deployment with all its functions, whole: who may do what on which thing under which condition, so that whatever is
# added to one of them is seen. What the emulator does not enforce, and tests/e2e/test_least_privilege.py lists, is held
# here and nowhere else.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.ingest.aws_sqs_queue.work
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-work" }
  }

  override_resource {
    target = module.ingest.aws_sqs_queue.backfill
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-backfill" }
  }

  override_resource {
    target = module.alerting.aws_sns_topic.this["failures"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-alerts" }
  }

  override_resource {
    target = module.alerting.aws_dynamodb_table.digests
    values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-digests" }
  }

  override_resource {
    target = module.thumbnails_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.reconciler["on"].module.function.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler" }
  }

  override_resource {
    target = module.reconciler["on"].module.function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler" }
  }

  override_resource {
    target = module.reconciler["on"].aws_ssm_parameter.cursor
    values = { arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/thumbnail-pipeline/thumbs/reconcile" }
  }

  override_resource {
    target = module.parked_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-parked-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.publisher["publisher"].module.function.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-publisher" }
  }
}

variables {
  name          = "thumbs"
  archives      = { folder = "./tests/fixtures" }
  source_prefix = "photos/"
  reconcile     = { schedule = "rate(1 day)" }
  events        = {}
}

run "roles" {
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
  # https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
  assert {
    condition = {
      for name, policy in module.thumbnailer.function.role.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))}"
      ]
      } == {
      read-sources = [
        "Allow s3:GetObject s3:GetObjectVersion on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1/photos/*",
        "Allow s3:ListBucket on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1",
      ]
      write-thumbnails = [
        "Allow s3:PutObject s3:DeleteObject on arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/*",
        "Allow s3:ListBucket on arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1",
      ]
      replace-thumbnails = ["Allow s3:GetObject on arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/*"]
      catalog = [
        "Allow dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog",
      ]
      alert = [
        "Allow sns:Publish on arn:aws:sns:eu-central-1:123456789012:thumbs-alerts",
        "Allow dynamodb:UpdateItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-digests",
      ]
      consume = [
        "Allow sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes sqs:ChangeMessageVisibility on arn:aws:sqs:eu-central-1:123456789012:thumbs-backfill arn:aws:sqs:eu-central-1:123456789012:thumbs-work",
      ]
      encryption = ["Allow kms:Decrypt kms:GenerateDataKey on ${output.kms_key_arn}"]
      logs = [
        "Allow logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer:*",
      ]
      trace = ["Allow xray:PutTraceSegments xray:PutTelemetryRecords on *"]
    }
    error_message = "The function must be able to do this, and nothing else."
  }

  assert {
    condition = {
      for name, policy in module.reconciler["on"].function.role.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))}"
      ]
      } == {
      list = [
        "Allow s3:ListBucket s3:ListBucketVersions on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1",
        "Allow s3:ListBucket on arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1",
      ]
      catalog    = ["Allow dynamodb:BatchGetItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog"]
      cursor     = ["Allow ssm:GetParameter ssm:PutParameter on arn:aws:ssm:eu-central-1:123456789012:parameter/thumbnail-pipeline/thumbs/reconcile"]
      encryption = ["Allow kms:Decrypt on ${output.kms_key_arn}"]
      logs       = ["Allow logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler:*"]
    }
    error_message = "The reconciler must be able to do this, and nothing else."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html#events-dynamodb-permissions
  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#dynamodb-on-failure-destinations
  assert {
    condition = {
      for name, policy in module.publisher["publisher"].function.role.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))}"
      ]
      } == {
      announce    = ["Allow events:PutEvents on arn:aws:events:eu-central-1:123456789012:event-bus/thumbs"]
      read-stream = ["Allow dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog/stream/*"]
      park = [
        "Allow s3:PutObject on arn:aws:s3:::thumbs-parked-123456789012-eu-central-1/*",
        "Allow s3:ListBucket on arn:aws:s3:::thumbs-parked-123456789012-eu-central-1",
      ]
      encryption = ["Allow kms:Decrypt on ${output.kms_key_arn}", "Allow kms:GenerateDataKey on ${output.kms_key_arn}"]
      logs       = ["Allow logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-publisher:*"]
      trace      = ["Allow xray:PutTraceSegments xray:PutTelemetryRecords on *"]
    }
    error_message = "The publisher must be able to do this, and nothing else."
  }

  assert {
    condition = {
      for name, policy in module.reconciler["on"].schedule_role.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))}"
      ]
    } == { invoke = ["Allow lambda:InvokeFunction on arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler"] }
    error_message = "The schedule must be able to invoke the reconciler, and nothing else."
  }

  # Nothing else narrows a statement down, and these do.
  # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
  assert {
    condition = merge([
      for role, policies in {
        thumbnailer = module.thumbnailer.function.role.policies
        reconciler  = module.reconciler["on"].function.role.policies
        publisher   = module.publisher["publisher"].function.role.policies
        schedule    = module.reconciler["on"].schedule_role.policies
        } : merge([
          for name, policy in policies : {
            for number, statement in jsondecode(policy).Statement : "${role}/${name}/${number}" => jsonencode(statement.Condition)
            if can(statement.Condition)
          }
      ]...)
      ]...) == {
      "thumbnailer/write-thumbnails/1" = jsonencode({ NumericEquals = { "s3:max-keys" = "1" } })
      "thumbnailer/encryption/0" = jsonencode({
        StringEquals = {
          "kms:ViaService" = [
            "s3.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com",
            "dynamodb.eu-central-1.amazonaws.com", "sns.eu-central-1.amazonaws.com",
          ]
        }
      })
      "reconciler/encryption/0" = jsonencode({ StringEquals = { "kms:ViaService" = "dynamodb.eu-central-1.amazonaws.com" } })
      "publisher/encryption/0"  = jsonencode({ StringEquals = { "kms:ViaService" = "dynamodb.eu-central-1.amazonaws.com" } })
      "publisher/encryption/1"  = jsonencode({ StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } })
    }
    error_message = "Thumbnails must be listed one at a time, and the key be used through the services that store."
  }

  # No wildcard among the actions, and X-Ray alone on everything: it knows no resources.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
  assert {
    condition = {
      for action in flatten([
        for policy in concat(
          values(module.thumbnailer.function.role.policies),
          values(module.reconciler["on"].function.role.policies),
          values(module.publisher["publisher"].function.role.policies),
          values(module.reconciler["on"].schedule_role.policies),
        ) :
        [for statement in jsondecode(policy).Statement : [
          for action in flatten([statement.Action]) : {
            name = action, is_wide = strcontains(action, "*") || contains(flatten([statement.Resource]), "*")
          }
        ]]
      ]) : action.is_wide ? "wide" : "narrow" => action.name...
      } == {
      wide = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      narrow = [
        "sns:Publish", "dynamodb:UpdateItem",
        "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
        "kms:Decrypt", "kms:GenerateDataKey",
        "logs:CreateLogStream", "logs:PutLogEvents",
        "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject", "s3:DeleteObject", "s3:ListBucket",
        "dynamodb:BatchGetItem",
        "ssm:GetParameter", "ssm:PutParameter",
        "kms:Decrypt",
        "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucket",
        "logs:CreateLogStream", "logs:PutLogEvents",
        "events:PutEvents",
        "kms:Decrypt", "kms:GenerateDataKey",
        "logs:CreateLogStream", "logs:PutLogEvents",
        "s3:PutObject", "s3:ListBucket",
        "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
        "lambda:InvokeFunction",
      ]
    }
    error_message = "Only X-Ray may be allowed on everything."
  }

  assert {
    condition = {
      for role, trust in {
        thumbnailer = module.thumbnailer.function.role.trust
        reconciler  = module.reconciler["on"].function.role.trust
        publisher   = module.publisher["publisher"].function.role.trust
        schedule    = module.reconciler["on"].schedule_role.trust
      } : role => one(jsondecode(trust).Statement)
      } == {
      thumbnailer = { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }
      reconciler  = { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }
      publisher   = { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }
      schedule = {
        Effect    = "Allow"
        Principal = { Service = "scheduler.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = "123456789012"
            "aws:SourceArn"     = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/thumbs"
          }
        }
      }
    }
    error_message = "Lambda must be able to be the functions, this deployment's schedule to be itself, and nobody else."
  }
}

# Queues, topics, buckets and the key: what is allowed to whom, and what is denied to everybody. A principal of an Allow
# that were `*` would stand here.
run "resources" {
  assert {
    condition = {
      for name, policy in merge(
        { for queue, policy in module.ingest.policies : "ingest/${queue}" => policy },
        { for topic, policy in module.alerting.policies : "alerting/${topic}" => policy },
        { thumbnails = one(values(module.thumbnails_bucket)[*].policy), parked = one(values(module.parked_bucket)[*].policy), key = module.encryption.policy },
        ) : name => [
        for statement in jsondecode(policy).Statement :
        "${join(" ", values(statement.Principal))} may ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))}"
        if statement.Effect == "Allow"
      ]
      } == {
      "ingest/work"         = ["s3.amazonaws.com may sqs:SendMessage on arn:aws:sqs:eu-central-1:123456789012:thumbs-work"]
      "ingest/backfill"     = []
      "ingest/dead_letters" = []
      "ingest/uploads"      = []
      "alerting/failures"   = []
      "alerting/warning"    = ["cloudwatch.amazonaws.com may sns:Publish on arn:aws:sns:eu-central-1:123456789012:thumbs-warning"]
      "alerting/critical"   = ["cloudwatch.amazonaws.com may sns:Publish on arn:aws:sns:eu-central-1:123456789012:thumbs-critical"]
      thumbnails            = []
      parked                = []
      key = [
        "arn:aws:iam::123456789012:root may kms:* on *",
        "s3.amazonaws.com may kms:GenerateDataKey kms:Decrypt on *",
        "cloudwatch.amazonaws.com may kms:GenerateDataKey* kms:Decrypt on *",
        "events.amazonaws.com may kms:GenerateDataKey kms:Decrypt on *",
        "events.amazonaws.com may kms:DescribeKey on *",
        "logs.eu-central-1.amazonaws.com may kms:Encrypt kms:Decrypt kms:ReEncrypt* kms:GenerateDataKey* kms:DescribeKey on *",
      ]
    }
    error_message = "These and nobody else must be let in."
  }

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
  assert {
    condition = {
      for name, policy in {
        work     = module.ingest.policies["work"]
        warning  = module.alerting.policies["warning"]
        critical = module.alerting.policies["critical"]
        key      = module.encryption.policy
        } : name => [
        for statement in jsondecode(policy).Statement : jsonencode(try(statement.Condition, null)) if statement.Effect == "Allow"
      ]
      } == {
      work = [jsonencode({
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      })]
      warning = [jsonencode({
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:*" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      })]
      critical = [jsonencode({
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:*" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      })]
      key = [
        "null",
        jsonencode({
          ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1" }
          StringEquals = { "aws:SourceAccount" = "123456789012" }
        }),
        "null",
        jsonencode({ StringEquals = { "kms:EncryptionContext:aws:events:event-bus:arn" = "arn:aws:events:eu-central-1:123456789012:event-bus/thumbs" } }),
        "null",
        jsonencode({
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [
              "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-publisher",
              "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler",
              "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer",
            ]
          }
        }),
      ]
    }
    error_message = "A service must be let in for this deployment alone, except that CloudWatch may use the key, and EventBridge look at it, without saying for whom."
  }

  # KMS itself answers nobody without TLS, so that its policy need not deny it.
  # https://docs.aws.amazon.com/kms/latest/developerguide/data-protection.html
  assert {
    condition = {
      for name, policy in merge(
        { for queue, policy in module.ingest.policies : "ingest/${queue}" => policy },
        { for topic, policy in module.alerting.policies : "alerting/${topic}" => policy },
        { thumbnails = one(values(module.thumbnails_bucket)[*].policy), parked = one(values(module.parked_bucket)[*].policy) },
        ) : name => [
        for statement in jsondecode(policy).Statement :
        "${statement.Principal} ${statement.Action} on ${join(" ", flatten([statement.Resource]))} ${jsonencode(statement.Condition)}"
        if statement.Effect == "Deny" && can(statement.Condition.Bool)
      ]
      } == {
      for name, denied in {
        "ingest/work"         = "* sqs:* on arn:aws:sqs:eu-central-1:123456789012:thumbs-work"
        "ingest/backfill"     = "* sqs:* on arn:aws:sqs:eu-central-1:123456789012:thumbs-backfill"
        "ingest/dead_letters" = "* sqs:* on arn:aws:sqs:eu-central-1:123456789012:thumbs-dead-letters"
        "ingest/uploads"      = "* s3:* on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1 arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1/*"
        "alerting/failures"   = "* sns:Publish on arn:aws:sns:eu-central-1:123456789012:thumbs-alerts"
        "alerting/warning"    = "* sns:Publish on arn:aws:sns:eu-central-1:123456789012:thumbs-warning"
        "alerting/critical"   = "* sns:Publish on arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
        parked                = "* s3:* on arn:aws:s3:::thumbs-parked-123456789012-eu-central-1 arn:aws:s3:::thumbs-parked-123456789012-eu-central-1/*"
        thumbnails            = "* s3:* on arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1 arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/*"
      } : name => ["${denied} {\"Bool\":{\"aws:SecureTransport\":[\"false\"]}}"]
    }
    error_message = "Everybody who comes without TLS must be denied, everywhere and with no exception."
  }
}
