# What each function may do, by capability, and what AWS IoT may do in our name. Of images, all of it reaches none but devices',
# and can read none.

locals {
  through = { for service in ["dynamodb", "s3", "sqs"] : service => { "kms:ViaService" = "${service}.${var.aws.region}.${var.aws.dns_suffix}" } }

  # By function; what AWS IoT does, and devices that have credentials, are beside the roles.
  of = {
    asks      = ["put-uploads", "list-uploads", "catalog", "asks", "encryption", "answer", "give-up"]
    status    = ["tell", "give-up"]
    admission = ["registry"]
  }

  capabilities = {
    # A picture that came in the request is put by the function itself. Whoever holds a signed address acts with the
    # function's rights, and within what is signed.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
    put-uploads = [
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = "${var.uploads.bucket_arn}/${local.things_prefix}*"
      },
      {
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey"]
        Resource  = var.uploads.kms_key_arn
        Condition = { StringEquals = local.through["s3"] }
      },
    ]

    list-uploads = [
      {
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = var.uploads.bucket_arn
        Condition = { StringLike = { "s3:prefix" = "${local.things_prefix}*" } }
      },
    ]

    catalog = [
      {
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
        Action   = ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = module.asks_table.table_arn
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
    ]

    answer = [
      {
        Effect   = "Allow"
        Action   = ["iot:Publish"]
        Resource = [for topic in ["accepted", "rejected"] : "${local.topics}/*/uploads/${topic}"]
      },
    ]

    tell = [
      {
        Effect   = "Allow"
        Action   = ["iot:Publish"]
        Resource = "${local.topics}/*/uploads/status"
      },
    ]

    registry = [
      {
        Effect   = "Allow"
        Action   = ["iot:DescribeThing", "iot:ListThingPrincipals"]
        Resource = "${local.iot}:thing/*"
      },
    ]

    # Into the queue of errors, which is encrypted: the rule as its role, Lambda as a function's.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#send-to-encrypted-queue
    give-up = [
      {
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = local.errors_arn
      },
      {
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = var.kms_key_arns[0]
        Condition = { StringEquals = local.through["sqs"] }
      },
    ]

    # A thing's ARN has nothing but its name, and a certificate's nothing but its id, so neither can be told from others of the
    # account; the template says which. Whether RegisterThing looks for a thing before it makes it is not documented: the hook lets
    # in none that is not there.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html
    provision = [
      {
        Effect   = "Allow"
        Action   = ["iot:AttachThingPrincipal", "iot:CreateThing", "iot:DescribeThing", "iot:ListThingPrincipals"]
        Resource = "${local.iot}:thing/*"
      },
      {
        Effect   = "Allow"
        Action   = ["iot:AttachPolicy", "iot:AttachThingPrincipal", "iot:DescribeCertificate", "iot:UpdateCertificate"]
        Resource = "${local.iot}:cert/*"
      },
      {
        Effect   = "Allow"
        Action   = ["iot:DescribeThingType", "iot:GetPolicy"]
        Resource = ["${local.iot}:policy/${var.names.policy}", "${local.iot}:thingtype/${var.names.thing_type}"]
      },
      {
        # These know no resources.
        Effect   = "Allow"
        Action   = ["iot:AttachPrincipalPolicy", "iot:ListAttachedPolicies", "iot:ListPrincipalPolicies", "iot:ListPrincipalThings"]
        Resource = "*"
      },
    ]

    # Where there is nothing yet, so that what is there stays as it is; and so in one piece, since a part has no such header.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    put-own = [
      {
        Effect    = "Allow"
        Action    = ["s3:PutObject"]
        Resource  = "${var.uploads.bucket_arn}/${local.things_prefix}$${credentials-iot:ThingName}/*"
        Condition = { Null = { "s3:if-none-match" = "false" } }
      },
      {
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey"]
        Resource  = var.uploads.kms_key_arn
        Condition = { StringEquals = local.through["s3"] }
      },
    ]
  }
}
