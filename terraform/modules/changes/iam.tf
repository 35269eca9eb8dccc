# What Firehose may do: read the stream and the table, and write to the bucket.
# https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3

locals {
  glue = "arn:${var.aws.partition}:glue:${var.aws.region}:${var.aws.account_id}"

  capabilities = {
    read = [
      {
        Action   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
        Resource = local.stream_arn
      },
    ]
    schema = [
      {
        Action = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
        Resource = [
          "${local.glue}:catalog", "${local.glue}:database/${var.names.database}", "${local.glue}:table/${var.names.database}/${local.table}",
        ]
      },
    ]
    store = [
      for bucket in module.bucket : {
        Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        Resource = ["${bucket.arn}/${local.folders["events"]}*", "${bucket.arn}/${local.folders["failed"]}*"]
      }
    ]
    list = [
      for bucket in module.bucket : {
        Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = bucket.arn
      }
    ]
    logs = [
      for group in aws_cloudwatch_log_group.delivery : {
        Action   = ["logs:PutLogEvents"]
        Resource = "${group.arn}:log-stream:delivery"
      }
    ]
    encryption = [
      for statement in [
        {
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = var.kms_key_arn
          Condition = { StringEquals = { "kms:ViaService" = "s3.${var.aws.region}.${var.aws.dns_suffix}" } }
        },
        {
          # https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
          Action    = ["kms:Decrypt"]
          Resource  = local.stream_kms_key_arn
          Condition = { StringEquals = { "kms:ViaService" = "kinesis.${var.aws.region}.${var.aws.dns_suffix}" } }
        },
      ] : statement if statement.Resource != null
    ]
  }
}

resource "aws_iam_role" "delivery" {
  for_each = local.on

  name                 = var.names.role
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#firehose-assume-role
      Condition = { StringEquals = { "sts:ExternalId" = var.aws.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "delivery" {
  for_each = { for name, statements in local.capabilities : name => statements if var.archive != null }

  name = each.key
  role = aws_iam_role.delivery["on"].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in each.value : merge({ Effect = "Allow" }, statement)]
  })
}
