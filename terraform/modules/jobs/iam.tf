# What the function may do: list, read rows, send messages about images; and its own table and queue. What reconciliations
# need on top is there only where they are asked for, and what repairs, a schedule and inventories do where those are.

locals {
  capabilities = {
    # Versions tell when an object was deleted.
    list = concat([
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = var.uploads.bucket_arn
      },
      ], [
      for statement in [
        { Effect = "Allow", Action = ["s3:ListBucketVersions"], Resource = var.uploads.bucket_arn },
        { Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.thumbnails.bucket_arn },
      ] : statement if var.reconcile != null
    ])

    # An orphan is deleted while it is the very one that was found (If-Match), and S3 counts that as reading.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-delete-enforce.html
    delete = [
      for resource in ["${var.thumbnails.bucket_arn}/*"] : {
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject"]
        Resource = resource
      } if try(var.reconcile.repair, false)
    ]

    # Only what is named by a manifest that is given is read: nothing is listed.
    # https://repost.aws/knowledge-center/decrypt-kms-encrypted-objects-s3
    inventories = concat([
      for arns in [var.inventories.object_arns] : {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = arns
      } if length(arns) > 0
      ], [
      for arns in [var.inventories.kms_key_arns] : {
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = arns
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.aws.region}.${var.aws.dns_suffix}" } }
      } if length(arns) > 0
    ])

    catalog = [
      {
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem"]
        Resource = var.catalog.table_arn
      },
    ]

    jobs = [
      {
        # A transaction needs what each of its writes needs, and a schedule's job that no other one is open.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        Effect   = "Allow"
        Action   = concat(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], local.is_scheduled ? ["dynamodb:Query"] : [])
        Resource = aws_dynamodb_table.jobs.arn
      },
    ]

    ranges = [
      {
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage", "sqs:GetQueueAttributes",
        ]
        Resource = aws_sqs_queue.ranges.arn
      },
    ]

    backfill = [
      {
        Effect   = "Allow"
        Action   = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
        Resource = var.backfill.queue_arn
      },
    ]

    guard = [
      {
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes"]
        Resource = var.dead_letters.queue_arn
      },
      {
        Effect   = "Allow"
        Action   = ["lambda:GetEventSourceMapping"]
        Resource = var.backfill.mapping_arn
      },
    ]

    encryption = [
      {
        # Of both tables and queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = [for service in ["dynamodb", "sqs"] : "${service}.${var.aws.region}.${var.aws.dns_suffix}"]
          }
        }
      },
    ]
  }
}
