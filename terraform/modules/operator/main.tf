# What whoever operates the pipeline with thumbctl needs, and no more: one statement per capability, so that a statement
# can be left out for those who should not have it. Nothing is made here: the policy is attached to people, whom this
# module does not know.
#
# Which action knows which resources:
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html

locals {
  statements = concat([
    {
      Sid      = "FindTheStack"
      Action   = ["ssm:GetParameter"]
      Resource = var.parameter_arn
    },
    {
      # For the shell, which completes the names of stacks. The path that is asked for is the resource.
      Sid      = "ListStacks"
      Action   = ["ssm:GetParametersByPath"]
      Resource = [dirname(var.parameter_arn), "${dirname(var.parameter_arn)}/"]
    },
    {
      # Metrics, traces, subscriptions and quotas know no resources, and pages are described to those alone who may see all
      # alarms.
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
      Sid = "ReadMetricsAlarmsTraces"
      Action = [
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "lambda:GetAccountSettings",
        "sns:GetSubscriptionAttributes",
        "xray:BatchGetTraces",
      ]
      Resource = "*"
    },
    {
      Sid      = "ReadQueues"
      Action   = ["sqs:GetQueueAttributes"]
      Resource = values(var.queue_arns)
    },
    {
      Sid      = "ReadFunction"
      Action   = ["lambda:GetEventSourceMapping", "lambda:GetFunctionConfiguration"]
      Resource = concat([var.function_arn], var.mapping_arns)
    },
    {
      # Whether everything is as it was deployed.
      Sid = "Inspect"
      Action = [
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "kms:DescribeKey",
        "lambda:GetLayerVersion",
      ]
      Resource = [var.catalog.table_arn, var.kms_key_arn, replace(var.layer_arn, "/:[0-9]+$/", ":*")]
    },
    {
      Sid      = "ReadLogs"
      Action   = ["logs:FilterLogEvents"]
      Resource = [var.log_group_arn, "${var.log_group_arn}:*"]
    },
    {
      Sid      = "ReadSubscriptions"
      Action   = ["sns:ListSubscriptionsByTopic"]
      Resource = values(var.topic_arns)
    },
    {
      Sid      = "ReadCatalog"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
      Resource = [var.catalog.table_arn, "${var.catalog.table_arn}/index/${var.catalog.failures_index_name}"]
    },
    {
      Sid      = "ListSources"
      Action   = ["s3:GetBucketNotification", "s3:ListBucket", "s3:ListBucketVersions"]
      Resource = var.uploads.bucket_arn
    },
    {
      Sid      = "ListThumbnails"
      Action   = ["s3:ListBucket"]
      Resource = var.thumbnails_bucket_arn
    },
    {
      # What is there already is told from what is new by its checksum, for which S3 asks for leave to read. An upload in
      # parts that is broken off is charged for until it is aborted.
      # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
      Sid      = "Import"
      Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
      Resource = "${local.sources}*"
    },
    {
      Sid      = "Backfill"
      Action   = ["sqs:SendMessage"]
      Resource = var.queue_arns["backfill"]
    },
    {
      Sid = "DeadLetters"
      Action = [
        "sqs:CancelMessageMoveTask",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:ListMessageMoveTasks",
        "sqs:ReceiveMessage",
        "sqs:StartMessageMoveTask",
      ]
      Resource = var.queue_arns["dead_letters"]
    },
    {
      # Whoever starts a redrive must be allowed to send where the letters came from: here, and by Backfill.
      # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
      Sid      = "Redrive"
      Action   = ["sqs:SendMessage"]
      Resource = var.queue_arns["work"]
    },
    {
      # An orphan is deleted while it is the very one that was found (If-Match), and S3 counts that as reading.
      # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-delete-enforce.html
      Sid      = "Repair"
      Action   = ["s3:DeleteObject", "s3:GetObject"]
      Resource = "${var.thumbnails_bucket_arn}/*"
    },
    {
      Sid      = "Pause"
      Action   = ["lambda:UpdateEventSourceMapping"]
      Resource = var.mapping_arns
    },
    {
      # By their names: by the start of them, those of a deployment whose name goes on from here would be meant too. Few,
      # since a managed policy may have 6144 characters.
      Sid      = "TestAlarms"
      Action   = ["cloudwatch:SetAlarmState"]
      Resource = [for name in var.tested_alarms : "${var.alarms_arn}:${name}"]
    },
    {
      # Alarms publish to the other topics themselves.
      Sid      = "TestDigests"
      Action   = ["sns:Publish"]
      Resource = var.topic_arns["failures"]
    },
    {
      # An image that comes and goes, to see whether the whole way is open.
      Sid      = "Canary"
      Action   = ["s3:DeleteObject", "s3:PutObject"]
      Resource = "${local.sources}.thumbctl-canary/*"
    },
    {
      Sid      = "UseTheKeyThroughServices"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = concat([var.kms_key_arn], var.other_kms_key_arns)
      Condition = {
        StringEquals = {
          "kms:ViaService" = [
            for service in ["s3", "sqs", "dynamodb", "sns"] : "${service}.${var.aws.region}.${var.aws.dns_suffix}"
          ]
        }
      }
    },
    ], [
    for arn in [var.rule_arn] : {
      Sid      = "ReadRule"
      Action   = ["events:DescribeRule", "events:ListTargetsByRule"]
      Resource = arn
    } if arn != null
  ])

  # Apart, since both together would be more than a managed policy may have.
  announcing = flatten([
    for announcing in var.announcing[*] : concat([
      {
        Sid      = "ReadPublishers"
        Action   = ["lambda:GetEventSourceMapping", "lambda:GetFunctionConfiguration"]
        Resource = concat(announcing.function_arns, announcing.mapping_arns)
      },
      {
        # All that is announced is in the catalog, and to find what changed since some time it is read as a whole.
        Sid      = "ReadOutbox"
        Action   = ["dynamodb:Scan"]
        Resource = var.catalog.table_arn
      },
      {
        Sid      = "ListParked"
        Action   = ["s3:ListBucket"]
        Resource = announcing.parked_bucket_arn
      },
      {
        Sid      = "ResendParked"
        Action   = ["s3:DeleteObject", "s3:GetObject"]
        Resource = "${announcing.parked_bucket_arn}/*"
      },
      ], [
      for arn in [announcing.event_bus_arn] : {
        Sid      = "AnnounceEvents"
        Action   = ["events:PutEvents"]
        Resource = arn
      } if arn != null
      ], [
      for arn in [announcing.change_stream_arn] : {
        Sid      = "AnnounceChanges"
        Action   = ["kinesis:PutRecords"]
        Resource = arn
      } if arn != null
      ], [
      for arn in [announcing.change_stream_kms_key_arn] : {
        Sid       = "EncryptChanges"
        Action    = ["kms:GenerateDataKey"]
        Resource  = arn
        Condition = { StringEquals = { "kms:ViaService" = "kinesis.${var.aws.region}.${var.aws.dns_suffix}" } }
      } if arn != null
    ])
  ])

  # Apart, since a managed policy has no room for more.
  jobs = flatten([
    for jobs in var.jobs[*] : concat([
      {
        Sid      = "ReadAndSteerJobs"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
        Resource = jobs.table_arn
      },
      {
        Sid      = "WakeUpWorkers"
        Action   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
        Resource = jobs.queue_arn
      },
      {
        Sid      = "InspectWorkers"
        Action   = ["lambda:GetEventSourceMapping", "lambda:GetFunctionRecursionConfig"]
        Resource = [jobs.function_arn, jobs.mapping_arn]
      },
      {
        Sid      = "ReadWorkersLog"
        Action   = ["logs:FilterLogEvents"]
        Resource = [jobs.log_group_arn, "${jobs.log_group_arn}:*"]
      },
      ], [
      # Whoever begins a job reads the manifest.
      # https://repost.aws/knowledge-center/decrypt-kms-encrypted-objects-s3
      for arns in [jobs.inventories.object_arns] : {
        Sid      = "ReadInventories"
        Action   = ["s3:GetObject"]
        Resource = arns
      } if length(arns) > 0
      ], [
      for arns in [jobs.inventories.kms_key_arns] : {
        Sid       = "DecryptInventories"
        Action    = ["kms:Decrypt"]
        Resource  = arns
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.aws.region}.${var.aws.dns_suffix}" } }
      } if length(arns) > 0
    ])
  ])

  # Apart, since it deletes for good, and not everybody who operates should. It is there without an API too: that may be gone
  # before its users are forgotten.
  forgetting = concat([
    {
      # Both are asked for: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
      Sid      = "ForgetUploads"
      Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource = "${local.sources}users/*"
    },
    {
      Sid      = "ForgetThumbnails"
      Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource = "${var.thumbnails_bucket_arn}/*/${var.uploads.prefix}users/*"
    },
    {
      # A bucket of somebody's may keep versions.
      Sid      = "ListThumbnailVersions"
      Action   = ["s3:ListBucketVersions"]
      Resource = var.thumbnails_bucket_arn
    },
    ], [
    for arn in [var.forgetting.asks_table_arn] : {
      Sid      = "ForgetAsks"
      Action   = ["dynamodb:DeleteItem", "dynamodb:Query"]
      Resource = arn
    } if arn != null
    ], [
    for arn in [var.catalog.table_arn] : {
      # Where S3 tells of deletions, the function marks rows itself.
      # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
      Sid       = "ForgetRows"
      Action    = ["dynamodb:DeleteItem"]
      Resource  = arn
      Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["${var.uploads.prefix}users/*"] } }
    } if var.forgetting.rows
  ])

  # Apart, since not everybody who operates should let devices in. AWS IoT has no narrower resources: things are told by their
  # names alone, certificates by an id that is made with them, and a policy is attached to a certificate whichever policy it is.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html
  devices = flatten([
    for devices in var.devices[*] : [
      {
        # These know no resources.
        Sid      = "ListAndIssue"
        Action   = ["iot:CreateCertificateFromCsr", "iot:CreateKeysAndCertificate", "iot:ListPrincipalThings", "iot:ListThings"]
        Resource = "*"
      },
      {
        Sid      = "Things"
        Action   = ["iot:CreateThing", "iot:DeleteThing", "iot:DescribeThing", "iot:ListThingPrincipals", "iot:UpdateThing"]
        Resource = "${devices.iot_arn}:thing/*"
      },
      {
        Sid      = "Certificates"
        Action   = ["iot:AttachPolicy", "iot:DeleteCertificate", "iot:DescribeCertificate", "iot:DetachPolicy", "iot:UpdateCertificate"]
        Resource = "${devices.iot_arn}:cert/*"
      },
      {
        Sid      = "FindCertificates"
        Action   = ["iot:ListTargetsForPolicy"]
        Resource = "${devices.iot_arn}:policy/${devices.policy_name}"
      },
      {
        Sid      = "AttachThings"
        Action   = ["iot:AttachThingPrincipal", "iot:DetachThingPrincipal"]
        Resource = ["${devices.iot_arn}:cert/*", "${devices.iot_arn}:thing/*"]
      },
      {
        # Who is revoked while connected.
        # https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_DeleteConnection.html
        Sid      = "Disconnect"
        Action   = ["iot:DeleteConnection"]
        Resource = "${devices.iot_arn}:client/*"
      },
      {
        Sid      = "ReadAsks"
        Action   = ["dynamodb:GetItem"]
        Resource = devices.asks_table_arn
      },
      {
        Sid      = "ReadDeviceFunctions"
        Action   = ["lambda:GetFunctionConfiguration"]
        Resource = devices.function_arns
      },
      {
        Sid      = "ReadDeviceLogs"
        Action   = ["logs:FilterLogEvents"]
        Resource = flatten([for arn in devices.log_group_arns : [arn, "${arn}:*"]])
      },
      {
        Sid      = "DeviceErrors"
        Action   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        Resource = devices.error_queue_arn
      },
    ]
  ])

  sources = "${var.uploads.bucket_arn}/${var.uploads.prefix}"

  policies = {
    for name, statements in { operating = local.statements, announcing = local.announcing, forgetting = local.forgetting, devices = local.devices, jobs = local.jobs } : name => jsonencode({
      Version   = "2012-10-17"
      Statement = [for statement in statements : merge({ Effect = "Allow" }, statement)]
    })
  }
}
