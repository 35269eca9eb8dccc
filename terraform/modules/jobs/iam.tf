# What the function may do: list, read rows, send messages about images; and its own table and queue.

locals {
  capabilities = {
    list = [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = var.uploads.bucket_arn
      },
    ]

    catalog = [
      {
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem"]
        Resource = var.catalog.table_arn
      },
    ]

    jobs = [
      {
        # A transaction needs what each of its writes needs.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
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
