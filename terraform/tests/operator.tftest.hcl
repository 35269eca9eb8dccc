# What operators may do: what thumbctl does, on this deployment's things, one statement per capability.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  aws                   = { dns_suffix = "amazonaws.com", region = "eu-central-1" }
  parameter_arn         = "arn:aws:ssm:eu-central-1:123456789012:parameter/thumbnail-pipeline/thumbs"
  uploads               = { bucket_arn = "arn:aws:s3:::uploads", prefix = "photos/" }
  thumbnails_bucket_arn = "arn:aws:s3:::thumbnails"
  queue_arns = {
    work         = "arn:aws:sqs:eu-central-1:123456789012:thumbs-work"
    backfill     = "arn:aws:sqs:eu-central-1:123456789012:thumbs-backfill"
    dead_letters = "arn:aws:sqs:eu-central-1:123456789012:thumbs-dead-letters"
  }
  function_arn  = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer"
  layer_arn     = "arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:7"
  mapping_arns  = ["arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:1", "arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:2"]
  log_group_arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer"
  catalog       = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog", failures_index_name = "failures" }
  alarms_arn    = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm"
  tested_alarms = ["thumbs-dead-letters", "thumbs-pipeline-failing"]
  topic_arns = {
    failures = "arn:aws:sns:eu-central-1:123456789012:thumbs-alerts"
    warning  = "arn:aws:sns:eu-central-1:123456789012:thumbs-warning"
    critical = "arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
  }
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
}

run "policy" {
  command = plan

  module {
    source = "./modules/operator"
  }

  assert {
    condition = {
      for statement in jsondecode(output.policy_json).Statement : statement.Sid => join(" ", concat(flatten([statement.Action]), ["on"], flatten([statement.Resource])))
      } == {
      FindTheStack             = "ssm:GetParameter on ${var.parameter_arn}"
      ListStacks               = "ssm:GetParametersByPath on ${dirname(var.parameter_arn)} ${dirname(var.parameter_arn)}/"
      Inspect                  = "dynamodb:DescribeContinuousBackups dynamodb:DescribeTable dynamodb:DescribeTimeToLive kms:DescribeKey lambda:GetLayerVersion on ${var.catalog.table_arn} ${var.kms_key_arn} arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:*"
      ReadMetricsAlarmsTraces  = "cloudwatch:DescribeAlarms cloudwatch:GetMetricData lambda:GetAccountSettings sns:GetSubscriptionAttributes xray:BatchGetTraces on *"
      ReadQueues               = "sqs:GetQueueAttributes on ${var.queue_arns.backfill} ${var.queue_arns.dead_letters} ${var.queue_arns.work}"
      ReadFunction             = "lambda:GetEventSourceMapping lambda:GetFunctionConfiguration on ${var.function_arn} ${join(" ", var.mapping_arns)}"
      ReadLogs                 = "logs:FilterLogEvents on ${var.log_group_arn} ${var.log_group_arn}:*"
      ReadSubscriptions        = "sns:ListSubscriptionsByTopic on ${join(" ", values(var.topic_arns))}"
      ReadCatalog              = "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query on ${var.catalog.table_arn} ${var.catalog.table_arn}/index/failures"
      ListSources              = "s3:GetBucketNotification s3:ListBucket s3:ListBucketVersions on arn:aws:s3:::uploads"
      ListThumbnails           = "s3:ListBucket on arn:aws:s3:::thumbnails"
      Import                   = "s3:AbortMultipartUpload s3:GetObject s3:PutObject on arn:aws:s3:::uploads/photos/*"
      Backfill                 = "sqs:SendMessage on ${var.queue_arns.backfill}"
      DeadLetters              = "sqs:CancelMessageMoveTask sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:ListMessageMoveTasks sqs:ReceiveMessage sqs:StartMessageMoveTask on ${var.queue_arns.dead_letters}"
      Redrive                  = "sqs:SendMessage on ${var.queue_arns.work}"
      Repair                   = "s3:DeleteObject s3:GetObject on arn:aws:s3:::thumbnails/*"
      Pause                    = "lambda:UpdateEventSourceMapping on ${join(" ", var.mapping_arns)}"
      TestAlarms               = "cloudwatch:SetAlarmState on arn:aws:cloudwatch:eu-central-1:123456789012:alarm:thumbs-dead-letters arn:aws:cloudwatch:eu-central-1:123456789012:alarm:thumbs-pipeline-failing"
      TestDigests              = "sns:Publish on ${var.topic_arns.failures}"
      Canary                   = "s3:DeleteObject s3:PutObject on arn:aws:s3:::uploads/photos/.thumbctl-canary/*"
      UseTheKeyThroughServices = "kms:Decrypt kms:GenerateDataKey on ${var.kms_key_arn}"
    }
    error_message = "Operators must be allowed this, and nothing else."
  }

  assert {
    condition = length(jsondecode(output.policy_json).Statement) > 10 && alltrue([
      for statement in jsondecode(output.policy_json).Statement : statement.Effect == "Allow" && alltrue([for action in statement.Action : !strcontains(action, "*")])
    ])
    error_message = "No action may be a wildcard."
  }

  # https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.policy_json).Statement : statement.Action if contains(flatten([statement.Resource]), "*")
      ])) == toset([
      "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "lambda:GetAccountSettings", "sns:GetSubscriptionAttributes", "xray:BatchGetTraces",
    ])
    error_message = "Only what AWS cannot narrow down may be allowed on all resources."
  }

  assert {
    condition = {
      for statement in jsondecode(output.policy_json).Statement : statement.Sid => statement.Condition if can(statement.Condition)
      } == {
      UseTheKeyThroughServices = {
        StringEquals = {
          "kms:ViaService" = [
            "s3.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com",
            "dynamodb.eu-central-1.amazonaws.com", "sns.eu-central-1.amazonaws.com",
          ]
        }
      }
    }
    error_message = "The key must be usable through the services that store, and in no other way."
  }

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
  assert {
    condition = (
      length(distinct(jsondecode(output.policy_json).Statement[*].Sid)) == length(jsondecode(output.policy_json).Statement) &&
      alltrue([for sid in jsondecode(output.policy_json).Statement[*].Sid : can(regex("^[A-Za-z0-9]+$", sid))])
    )
    error_message = "Every statement must have a name of its own, of letters and digits."
  }
}

run "announcing" {
  command = plan

  module {
    source = "./modules/operator"
  }

  variables {
    announcing = {
      function_arns             = ["arn:aws:lambda:eu-central-1:123456789012:function:thumbs-publisher"]
      mapping_arns              = ["arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:3"]
      event_bus_arn             = "arn:aws:events:eu-central-1:123456789012:event-bus/thumbs"
      change_stream_arn         = "arn:aws:kinesis:eu-central-1:123456789012:stream/thumbs-changes"
      change_stream_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/theirs"
      parked_bucket_arn         = "arn:aws:s3:::parked"
    }
  }

  assert {
    condition = {
      for statement in jsondecode(output.announcing_policy_json).Statement :
      statement.Sid => join(" ", concat([statement.Effect], flatten([statement.Action]), ["on"], flatten([statement.Resource])))
      } == {
      ReadPublishers  = "Allow lambda:GetEventSourceMapping lambda:GetFunctionConfiguration on ${var.announcing.function_arns[0]} ${var.announcing.mapping_arns[0]}"
      ReadOutbox      = "Allow dynamodb:Scan on ${var.catalog.table_arn}"
      ListParked      = "Allow s3:ListBucket on arn:aws:s3:::parked"
      ResendParked    = "Allow s3:DeleteObject s3:GetObject on arn:aws:s3:::parked/*"
      AnnounceEvents  = "Allow events:PutEvents on ${var.announcing.event_bus_arn}"
      AnnounceChanges = "Allow kinesis:PutRecords on ${var.announcing.change_stream_arn}"
      EncryptChanges  = "Allow kms:GenerateDataKey on arn:aws:kms:eu-central-1:123456789012:key/theirs"
    }
    error_message = "Who announces again must be allowed this, and nothing else."
  }

  assert {
    condition = one([
      for statement in jsondecode(output.announcing_policy_json).Statement : statement.Condition if can(statement.Condition)
    ]) == { StringEquals = { "kms:ViaService" = "kinesis.eu-central-1.amazonaws.com" } }
    error_message = "The stream's key must be usable through the stream, and in no other way."
  }
}

run "forgetting" {
  command = plan

  module {
    source = "./modules/operator"
  }

  variables {
    forgetting = { asks_table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-asks", rows = true }
  }

  assert {
    condition = {
      for statement in jsondecode(output.forgetting_policy_json).Statement :
      statement.Sid => "${statement.Effect} ${join(" ", statement.Action)} on ${statement.Resource} if ${jsonencode(try(statement.Condition, null))}"
      } == {
      ForgetUploads         = "Allow s3:DeleteObject s3:DeleteObjectVersion on arn:aws:s3:::uploads/photos/users/* if null"
      ForgetThumbnails      = "Allow s3:DeleteObject s3:DeleteObjectVersion on arn:aws:s3:::thumbnails/*/photos/users/* if null"
      ListThumbnailVersions = "Allow s3:ListBucketVersions on arn:aws:s3:::thumbnails if null"
      ForgetAsks            = "Allow dynamodb:DeleteItem dynamodb:Query on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-asks if null"
      ForgetRows            = "Allow dynamodb:DeleteItem on ${var.catalog.table_arn} if ${jsonencode({ "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["photos/users/*"] } })}"
    }
    error_message = "Whoever forgets users must be able to delete what is theirs, and nobody else's."
  }
}

run "forgetting_where_deletions_are_propagated_and_there_is_no_api" {
  command = plan

  module {
    source = "./modules/operator"
  }

  assert {
    condition     = jsondecode(output.forgetting_policy_json).Statement[*].Sid == ["ForgetUploads", "ForgetThumbnails", "ListThumbnailVersions"]
    error_message = "Rows must be left to the function where it hears of deletions."
  }
}

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html
run "devices" {
  command = plan

  module {
    source = "./modules/operator"
  }

  variables {
    devices = {
      iot_arn         = "arn:aws:iot:eu-central-1:123456789012"
      policy_name     = "thumbs-devices"
      asks_table_arn  = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-asks-of-devices"
      function_arns   = ["arn:aws:lambda:eu-central-1:123456789012:function:thumbs-device-asks"]
      log_group_arns  = ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-device-asks"]
      error_queue_arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors"
    }
  }

  assert {
    condition = {
      for statement in jsondecode(output.devices_policy_json).Statement :
      statement.Sid => join(" ", concat([statement.Effect], statement.Action, ["on"], flatten([statement.Resource])))
      } == {
      ListAndIssue        = "Allow iot:CreateCertificateFromCsr iot:CreateKeysAndCertificate iot:ListPrincipalThings iot:ListThings on *"
      Things              = "Allow iot:CreateThing iot:DeleteThing iot:DescribeThing iot:ListThingPrincipals iot:UpdateThing on ${var.devices.iot_arn}:thing/*"
      Certificates        = "Allow iot:AttachPolicy iot:DeleteCertificate iot:DescribeCertificate iot:DetachPolicy iot:UpdateCertificate on ${var.devices.iot_arn}:cert/*"
      FindCertificates    = "Allow iot:ListTargetsForPolicy on ${var.devices.iot_arn}:policy/thumbs-devices"
      AttachThings        = "Allow iot:AttachThingPrincipal iot:DetachThingPrincipal on ${var.devices.iot_arn}:cert/* ${var.devices.iot_arn}:thing/*"
      Disconnect          = "Allow iot:DeleteConnection on ${var.devices.iot_arn}:client/*"
      ReadAsks            = "Allow dynamodb:GetItem on ${var.devices.asks_table_arn}"
      ReadDeviceFunctions = "Allow lambda:GetFunctionConfiguration on ${var.devices.function_arns[0]}"
      ReadDeviceLogs      = "Allow logs:FilterLogEvents on ${var.devices.log_group_arns[0]} ${var.devices.log_group_arns[0]}:*"
      DeviceErrors        = "Allow sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage on ${var.devices.error_queue_arn}"
    }
    error_message = "Whoever adds and revokes devices must be allowed this, and nothing else."
  }

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  assert {
    condition     = length(output.devices_policy_json) <= 6144
    error_message = "A managed policy may have 6144 characters."
  }
}

run "whole_bucket" {
  command = plan

  module {
    source = "./modules/operator"
  }

  variables {
    uploads = { bucket_arn = "arn:aws:s3:::uploads", prefix = "" }
  }

  assert {
    condition = toset([
      for statement in jsondecode(output.policy_json).Statement : statement.Resource if contains(["Import", "Canary"], statement.Sid)
    ]) == toset(["arn:aws:s3:::uploads/*", "arn:aws:s3:::uploads/.thumbctl-canary/*"])
    error_message = "Without a prefix, images may be put anywhere in the bucket."
  }
}

run "longest_names_in_the_longest_region" {
  command = plan

  module {
    source = "./modules/operator"
  }

  variables {
    aws                   = { dns_suffix = "amazonaws.com", region = "ap-southeast-1" }
    parameter_arn         = "arn:aws:ssm:ap-southeast-1:123456789012:parameter/thumbnail-pipeline/a-name-of-24-characters0"
    uploads               = { bucket_arn = "arn:aws:s3:::a-name-of-24-characters0-uploads-123456789012-ap-southeast-1", prefix = join("", [for number in range(100) : "p/"]) }
    thumbnails_bucket_arn = "arn:aws:s3:::a-name-of-24-characters0-thumbnails-123456789012-ap-southeast-1"
    queue_arns = {
      work         = "arn:aws:sqs:ap-southeast-1:123456789012:a-name-of-24-characters0-work"
      backfill     = "arn:aws:sqs:ap-southeast-1:123456789012:a-name-of-24-characters0-backfill"
      dead_letters = "arn:aws:sqs:ap-southeast-1:123456789012:a-name-of-24-characters0-dead-letters"
    }
    function_arn  = "arn:aws:lambda:ap-southeast-1:123456789012:function:a-name-of-24-characters0-thumbnailer"
    layer_arn     = "arn:aws:lambda:ap-southeast-1:123456789012:layer:a-name-of-24-characters0-imaging:7"
    mapping_arns  = [for number in range(2) : "arn:aws:lambda:ap-southeast-1:123456789012:event-source-mapping:14e0db71-5d35-4eb5-b481-8945cf9d10c${number}"]
    log_group_arn = "arn:aws:logs:ap-southeast-1:123456789012:log-group:/aws/lambda/a-name-of-24-characters0-thumbnailer"
    catalog       = { table_arn = "arn:aws:dynamodb:ap-southeast-1:123456789012:table/a-name-of-24-characters0-catalog", failures_index_name = "failures" }
    alarms_arn    = "arn:aws:cloudwatch:ap-southeast-1:123456789012:alarm"
    tested_alarms = [for name in ["catalog-throttles", "notifications-failed", "pipeline-failing"] : "a-name-of-24-characters0-${name}"]
    topic_arns = {
      failures = "arn:aws:sns:ap-southeast-1:123456789012:a-name-of-24-characters0-alerts"
      warning  = "arn:aws:sns:ap-southeast-1:123456789012:a-name-of-24-characters0-warning"
      critical = "arn:aws:sns:ap-southeast-1:123456789012:a-name-of-24-characters0-critical"
    }
    kms_key_arn = "arn:aws:kms:ap-southeast-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    # White space, of which there is none here, would not count.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    condition     = length(output.policy_json) > 4096 && length(output.policy_json) <= 6144
    error_message = "A managed policy may have 6144 characters, not ${length(output.policy_json)}."
  }
}

run "jobs" {
  module {
    source = "./modules/operator"
  }

  variables {
    jobs = {
      table_arn     = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-jobs"
      queue_arn     = "arn:aws:sqs:eu-central-1:123456789012:thumbs-ranges"
      mapping_arn   = "arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:14e0db71"
      function_arn  = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-range-worker"
      log_group_arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-range-worker"
    }
  }

  assert {
    condition = {
      for statement in jsondecode(output.jobs_policy_json).Statement :
      statement.Sid => "${join(" ", statement.Action)} on ${join(" ", flatten([statement.Resource]))}"
      } == {
      InspectWorkers   = "lambda:GetEventSourceMapping lambda:GetFunctionRecursionConfig on arn:aws:lambda:eu-central-1:123456789012:function:thumbs-range-worker arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:14e0db71"
      ReadWorkersLog   = "logs:FilterLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-range-worker arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-range-worker:*"
      ReadAndSteerJobs = "dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-jobs"
      WakeUpWorkers    = "sqs:GetQueueAttributes sqs:SendMessage on arn:aws:sqs:eu-central-1:123456789012:thumbs-ranges"
    }
    error_message = "Whoever looks after bulk jobs must be able to do this, and nothing else."
  }
}

# As many as there can be.
run "jobs_with_inventories" {
  module {
    source = "./modules/operator"
  }

  variables {
    jobs = {
      table_arn     = "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/a-name-that-is-of-just-forty-characters0-jobs"
      queue_arn     = "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:a-name-that-is-of-just-forty-characters0-ranges"
      mapping_arn   = "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:event-source-mapping:11111111-2222-3333-4444-555555555555"
      function_arn  = "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:a-name-that-is-of-just-forty-characters0-range-worker"
      log_group_arn = "arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:/aws/lambda/a-name-that-is-of-just-forty-characters0-range-worker"
      inventories = {
        object_arns  = [for number in range(24) : "arn:aws-us-gov:s3:::l${10 + number}/*"]
        kms_key_arns = [for number in range(24) : "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-111111112222333344445555555555${10 + number}"]
      }
    }
  }

  assert {
    condition = jsonencode([for statement in jsondecode(output.jobs_policy_json).Statement : statement if endswith(statement.Sid, "Inventories")]) == jsonencode([
      { Effect = "Allow", Sid = "ReadInventories", Action = ["s3:GetObject"], Resource = var.jobs.inventories.object_arns },
      {
        Effect    = "Allow"
        Sid       = "DecryptInventories"
        Action    = ["kms:Decrypt"]
        Resource  = var.jobs.inventories.kms_key_arns
        Condition = { StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } }
      },
    ])
    error_message = "Whoever begins a job must be able to read its inventory, and to use the key through S3 alone."
  }

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  assert {
    condition     = length(output.jobs_policy_json) <= 6144
    error_message = "A managed policy may have 6144 characters, not ${length(output.jobs_policy_json)}."
  }
}
