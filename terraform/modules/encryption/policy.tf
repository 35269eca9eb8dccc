# What the key's policy says, or has to say where somebody brings a key of their own.

locals {
  # Of a key that another took the place of, logs are read that were written before.
  made_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.delegations["made"]], local.statements, [for statement in [local.logs] : statement if local.has_logs || var.modes.key == "existing"])
  })
  existing_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.delegations["existing"]], local.statements, [for statement in [local.logs] : statement if local.has_logs])
  })
  log_policy = jsonencode({ Version = "2012-10-17", Statement = [local.logs] })
  has_logs   = var.modes.log_key == "same"

  # Hands the decision to IAM. Without it nobody could ever change the policy of our own key again; of somebody else's, it
  # hands over no more than what we and our functions do with it, DynamoDB's grant included.
  # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
  delegations = {
    for whose, actions in {
      made     = ["kms:*"]
      existing = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      } : whose => {
      Sid       = "DelegateToIam"
      Effect    = "Allow"
      Principal = { AWS = "arn:${var.aws.partition}:iam::${var.aws.account_id}:root" }
      Action    = actions
      Resource  = "*"
    }
  }

  statements = concat(
    [
      merge(
        {
          # S3, or EventBridge: whoever sends what was uploaded.
          # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services
          Sid       = "SenderUsesTheEncryptedQueue"
          Effect    = "Allow"
          Principal = { Service = var.sender.service }
          Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
          Resource  = "*"
        },
        # EventBridge does not tell KMS for whom it asks: of topics SNS's guide says so, and a condition that is never
        # met would lose every upload. The queue's own policy admits the rule alone.
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        var.sender.service == "events.amazonaws.com" ? {} : { Condition = var.sender.condition },
      ),
    ],
    [
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
    ],
    # What a rule on a bus cannot deliver. No condition, as above: the queue's own policy admits the rule alone.
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    !var.undelivered_events || var.sender.service == "events.amazonaws.com" ? [] : [{
      Sid       = "UndeliveredEventsReachTheEncryptedQueue"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource  = "*"
    }],
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    length(var.distribution_arns) == 0 ? [] : [{
      Sid       = "DistributionsReadEncryptedThumbnails"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = ["kms:Decrypt"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceArn" = var.distribution_arns } }
    }],
    # Events lie on the bus encrypted, and are decrypted for its rules. Whatever EventBridge asks of the key, it says for
    # which bus, except when it looks whether the key will do.
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html
    flatten([
      for arn in [var.event_bus_arn] : [
        {
          Sid       = "EventsAreEncrypted"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
          Resource  = "*"
          Condition = { StringEquals = { "kms:EncryptionContext:aws:events:event-bus:arn" = arn } }
        },
        {
          Sid       = "EventBridgeLooksAtTheKey"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = ["kms:DescribeKey"]
          Resource  = "*"
        },
      ] if arn != null
    ]),
    [for statement in var.further_statements : jsondecode(statement)],
  )

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
  logs = {
    Sid       = "LogsAreEncrypted"
    Effect    = "Allow"
    Principal = { Service = "logs.${var.aws.region}.${var.aws.dns_suffix}" }
    Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    Resource  = "*"
    Condition = {
      ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = var.log_group_arns }
    }
  }
}
