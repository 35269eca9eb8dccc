# One customer-managed key for everything at rest. Services that act for us without our credentials cannot use an
# AWS-managed key: S3 could not send to the queue, and alarms would turn red without anybody hearing of it.

resource "aws_kms_key" "this" {
  description             = "Encrypts everything that ${var.name} stores"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  tags                    = var.tags
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

# Apart from the key, so that what only encrypts with it need not wait until the grants to services are in force.
resource "aws_kms_key_policy" "this" {
  key_id = aws_kms_key.this.key_id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # Hands the decision to IAM. Without it nobody could ever change this policy again.
        # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
        Sid       = "DelegateToIam"
        Effect    = "Allow"
        Principal = { AWS = "arn:${var.aws.partition}:iam::${var.aws.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services
        Sid       = "S3NotifiesTheEncryptedQueue"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
        Resource  = "*"
        Condition = {
          ArnEquals    = { "aws:SourceArn" = var.notifying_bucket_arn }
          StringEquals = { "aws:SourceAccount" = var.aws.account_id }
        }
      },
      {
        # No condition: CloudWatch calls KMS itself and is not documented to say for whom, and a condition that is
        # never met would silence every alarm. The topic's own policy admits the alarms of this account only.
        # https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
        Sid       = "AlarmsPublishToTheEncryptedTopic"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:Decrypt"]
        Resource  = "*"
      },
      {
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        Sid       = "LogsAreEncrypted"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.aws.region}.${var.aws.dns_suffix}" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = var.log_group_arns }
        }
      },
      ],
      # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
      length(var.distribution_arns) == 0 ? [] : [{
        Sid       = "DistributionsReadEncryptedThumbnails"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = ["kms:Decrypt"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceArn" = var.distribution_arns } }
      }],
    )
  })
}
