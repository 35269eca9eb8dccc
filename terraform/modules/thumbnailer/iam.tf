# What the function may do, by capability; logging, tracing and a network are every function's.

locals {
  capabilities = {
    read-sources = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = "${var.uploads.bucket_arn}/${var.uploads.prefix}*"
      },
      {
        # Without it S3 answers 403 for an object that is gone, and a deletion would look like a broken policy.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = var.uploads.bucket_arn
      },
    ]

    write-thumbnails = [
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:DeleteObject"]
        Resource = "${var.thumbnails.bucket_arn}/*"
      },
      {
        # A thumbnail's ETag is looked up by a listing of one key. Longer listings are refused.
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = var.thumbnails.bucket_arn
        Condition = { NumericEquals = { "s3:max-keys" = "1" } }
      },
    ]

    replace-thumbnails = [
      {
        # A conditional replacement (If-Match) compares ETags, and S3 counts that as reading.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${var.thumbnails.bucket_arn}/*"
      },
    ]

    catalog = [
      {
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = var.catalog.table_arn
      },
    ]

    alert = [
      {
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = var.alerts_topic_arn
      },
      {
        Effect   = "Allow"
        Action   = ["dynamodb:UpdateItem"]
        Resource = var.digests.table_arn
      },
    ]

    consume = [
      {
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:ChangeMessageVisibility",
        ]
        Resource = [for queue in values(var.queues) : queue.arn]
      },
    ]

    encryption = [
      {
        # Only through the services that store for us, never on its own.
        # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
        Effect   = "Allow"
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
    ]
  }
}
