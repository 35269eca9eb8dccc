# What the function may do: it changes nothing but its own cursor.

locals {
  capabilities = {
    list = [
      {
        # Versions tell when an object was deleted.
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketVersions"]
        Resource = var.uploads.bucket_arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = var.thumbnails.bucket_arn
      },
    ]

    catalog = [
      {
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem"]
        Resource = var.catalog.table_arn
      },
    ]

    cursor = [
      {
        Effect   = "Allow"
        Action   = ["ssm:GetParameter", "ssm:PutParameter"]
        Resource = aws_ssm_parameter.cursor.arn
      },
    ]

    encryption = [
      {
        # Of the catalog: listings are not encrypted with the key.
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.kms_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${var.aws.region}.${var.aws.dns_suffix}" } }
      },
    ]
  }
}
