# What the function may do, by capability; logging, tracing and a network are every function's. All but announcing, Lambda
# does with the function's role.

locals {
  capabilities = {
    announce = [
      {
        Effect   = "Allow"
        Action   = { events = ["events:PutEvents"], changes = ["kinesis:PutRecords"] }[var.destination.name]
        Resource = var.destination.arn
      },
    ]

    # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html#events-dynamodb-permissions
    read-stream = [
      {
        # Of the table, whichever stream of it is the one that is on.
        Effect = "Allow"
        Action = [
          "dynamodb:DescribeStream",
          "dynamodb:GetRecords",
          "dynamodb:GetShardIterator",
          "dynamodb:ListStreams",
        ]
        Resource = "${var.table_arn}/stream/*"
      },
    ]

    # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#dynamodb-on-failure-destinations
    park = [
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = "${var.parked.bucket_arn}/*"
      },
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = var.parked.bucket_arn
      },
    ]

    encryption = [
      for statement in [
        {
          # Of the stream.
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = var.kms_key_arns
          Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${var.aws.region}.${var.aws.dns_suffix}" } }
        },
        {
          # Of the bucket.
          Effect    = "Allow"
          Action    = ["kms:GenerateDataKey"]
          Resource  = var.kms_key_arns[0]
          Condition = { StringEquals = { "kms:ViaService" = "s3.${var.aws.region}.${var.aws.dns_suffix}" } }
        },
        {
          # Of the change stream: https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
          Effect    = "Allow"
          Action    = ["kms:GenerateDataKey"]
          Resource  = var.destination.kms_key_arn
          Condition = { StringEquals = { "kms:ViaService" = "kinesis.${var.aws.region}.${var.aws.dns_suffix}" } }
        },
      ] : statement if statement.Resource != null
    ]
  }
}
