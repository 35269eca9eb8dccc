# What the function may do, by capability. Of images, it reaches none but users', and of uploads it can read none: an
# original is nothing that a browser should be served.

locals {
  through = { for service in ["dynamodb", "s3"] : service => { "kms:ViaService" = "${service}.${var.aws.region}.${var.aws.dns_suffix}" } }

  capabilities = {
    # Whoever holds the signed address acts with the function's rights, and within what is signed.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
    sign-uploads = [
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = "${var.uploads.bucket_arn}/${local.users_prefix}*"
      },
    ]

    sign-thumbnails = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${var.thumbnails.bucket_arn}/*/${local.users_prefix}*"
      },
    ]

    list-uploads = [
      {
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = var.uploads.bucket_arn
        Condition = { StringLike = { "s3:prefix" = "${local.users_prefix}*" } }
      },
    ]

    delete-uploads = [
      {
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = "${var.uploads.bucket_arn}/${local.users_prefix}*"
      },
    ]

    catalog = [
      {
        # A row is read together with its ask. Which keys of which table dynamodb:LeadingKeys holds then, is not documented.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem"]
        Resource = var.catalog.table_arn
      },
    ]

    asks = [
      {
        # What a transaction does is allowed one by one.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = module.asks.table_arn
      },
    ]

    encryption = [
      {
        # Of the tables.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.kms_key_arns
        Condition = { StringEquals = local.through["dynamodb"] }
      },
      {
        # Of what is put by a signed address: S3 asks for it in the name of whoever signed.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey"]
        Resource  = var.uploads.kms_key_arn
        Condition = { StringEquals = local.through["s3"] }
      },
      {
        # Of thumbnails that are fetched by one.
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.thumbnails.kms_key_arns
        Condition = { StringEquals = local.through["s3"] }
      },
    ]
  }
}
