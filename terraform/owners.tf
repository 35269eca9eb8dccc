# What the owners of what was there before have to allow. The roles are named by a condition and not as principals: a
# policy that names a role which is not there yet is refused, and one that names a role forgets it when it is deleted.
# Nothing here waits for a resource, so that in one configuration a key is made with its policy, and then used.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html

locals {
  account_arn = "arn:${local.aws.partition}:iam::${local.aws.account_id}:root"
  role_arns   = { for function in local.functions : function => "arn:${local.aws.partition}:iam::${local.aws.account_id}:role/${local.names["role/${function}"]}" }

  owner_policies = merge(
    var.uploads_bucket.mode == "create" ? {} : { uploads_bucket = local.uploads_bucket_policy },
    var.uploads_bucket.mode == "create" ? {} : { uploads_kms_key = local.uploads_key_policy },
    var.thumbnails_bucket.mode == "create" ? {} : { thumbnails_bucket = local.thumbnails_bucket_policy },
    local.key_policies,
    local.bus_mode == "existing" ? { event_bus = local.event_bus_policy } : {},
    { for tier, policy in module.alerting.owner_policies : "alert_topics/${tier}" => policy },
  )

  key_policies = merge(
    var.encryption.key == "create" ? {} : { kms_key = module.encryption.policy },
    var.encryption.log_key == "same" ? {} : { log_kms_key = module.encryption.log_policy },
  )

  # In this account, the functions' own policies do: it is a bucket of another one that has to let them in.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-walkthroughs-managing-access-example2.html
  uploads_bucket_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "ThumbnailerReads"
          Effect    = "Allow"
          Principal = { AWS = local.account_arn }
          Action    = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource  = "${local.uploads_bucket_arn}/${var.source_prefix}*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = local.role_arns["thumbnailer"] } }
        },
        {
          Sid       = "FunctionsList"
          Effect    = "Allow"
          Principal = { AWS = local.account_arn }
          Action    = ["s3:ListBucket", "s3:ListBucketVersions"]
          Resource  = local.uploads_bucket_arn
          Condition = { ArnEquals = { "aws:PrincipalArn" = [for function, arn in local.role_arns : arn if contains(["thumbnailer", "reconciler", "range_worker"], function)] } }
        },
      ],
      # Whoever applies the module writes the bucket's notifications.
      # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
      var.uploads_bucket.mode != "existing" ? [] : [{
        Sid       = "DeployerOwnsNotifications"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = ["s3:GetBucketNotification", "s3:PutBucketNotification"]
        Resource  = local.uploads_bucket_arn
      }],
      [for statement in local.api_statements["uploads_bucket"] : statement if var.api != null],
      [for statement in local.device_statements["uploads_bucket"] : statement if var.devices != null],
      [for statement in local.access_statements["uploads_bucket"] : jsondecode(statement)],
    )
  })

  uploads_key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "ThumbnailerReadsEncryptedUploads"
      Effect    = "Allow"
      Principal = { AWS = local.account_arn }
      Action    = ["kms:Decrypt"]
      Resource  = "*"
      Condition = {
        ArnEquals    = { "aws:PrincipalArn" = local.role_arns["thumbnailer"] }
        StringEquals = local.through_s3
      }
    }], [for statement in local.api_statements["uploads_kms_key"] : statement if var.api != null], [for statement in local.device_statements["uploads_kms_key"] : statement if var.devices != null], local.key_access["uploaders"])
  })

  # In this account, the function's own policy does: it is a bus of another one that has to let it in.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-permissions-manage.html
  event_bus_policy = local.bus_mode != "existing" ? null : jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PublisherPuts"
      Effect    = "Allow"
      Principal = { AWS = local.account_arn }
      Action    = "events:PutEvents"
      Resource  = local.event_bus_arn
      Condition = { ArnEquals = { "aws:PrincipalArn" = local.role_arns["publisher"] } }
    }]
  })

  # What the API does in an uploads bucket that its users share with others, and with its key.
  api_statements = {
    uploads_bucket = [
      {
        Sid       = "ApiSignsAndDeletes"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = ["s3:DeleteObject", "s3:PutObject"]
        Resource  = "${local.uploads_bucket_arn}/${local.users_prefix}*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = try(local.role_arns["api"], null) } }
      },
      {
        Sid       = "ApiLists"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = ["s3:ListBucket"]
        Resource  = local.uploads_bucket_arn
        Condition = {
          ArnEquals  = { "aws:PrincipalArn" = try(local.role_arns["api"], null) }
          StringLike = { "s3:prefix" = "${local.users_prefix}*" }
        }
      },
    ]
    uploads_kms_key = [
      {
        Sid       = "ApiEncryptsUploads"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = ["kms:GenerateDataKey"]
        Resource  = "*"
        Condition = {
          ArnEquals    = { "aws:PrincipalArn" = try(local.role_arns["api"], null) }
          StringEquals = local.through_s3
        }
      },
    ]
  }

  # What the door for devices does there, and devices do that have credentials.
  device_role_arns = concat([try(local.role_arns["device_asks"], null)], try(var.devices.role_alias, false) ? ["arn:${local.aws.partition}:iam::${local.aws.account_id}:role/${local.names["device_role"]}"] : [])
  device_statements = {
    uploads_bucket = [
      {
        Sid       = "DevicesPut"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = ["s3:PutObject"]
        Resource  = "${local.uploads_bucket_arn}/${local.things_prefix}*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = local.device_role_arns } }
      },
      {
        Sid       = "DeviceAsksList"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = ["s3:ListBucket"]
        Resource  = local.uploads_bucket_arn
        Condition = {
          ArnEquals  = { "aws:PrincipalArn" = try(local.role_arns["device_asks"], null) }
          StringLike = { "s3:prefix" = "${local.things_prefix}*" }
        }
      },
    ]
    uploads_kms_key = [
      {
        Sid       = "DevicesEncryptUploads"
        Effect    = "Allow"
        Principal = { AWS = local.account_arn }
        Action    = ["kms:GenerateDataKey"]
        Resource  = "*"
        Condition = {
          ArnEquals    = { "aws:PrincipalArn" = local.device_role_arns }
          StringEquals = local.through_s3
        }
      },
    ]
  }

  # As modules/bucket has it of a bucket that is made here.
  thumbnails_bucket_arn = "arn:${local.aws.partition}:s3:::${local.thumbnails_bucket_name}"
  thumbnails_bucket_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.thumbnails_bucket_arn, "${local.thumbnails_bucket_arn}/*"]
        Condition = local.without_tls
      }],
      length(local.distribution_arns) == 0 ? [] : [{
        Sid       = "DistributionsRead"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "${local.thumbnails_bucket_arn}/*"
        Condition = { StringEquals = { "aws:SourceArn" = local.distribution_arns } }
      }],
      # As modules/bucket has it of ours: there may be distributions that the owner alone knows of.
      [for keys in local.withheld_keys[*] : {
        Sid       = "DistributionsDoNotReadUsersImages"
        Effect    = "Deny"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "${local.thumbnails_bucket_arn}/${keys}"
      }],
      [for statement in local.access_statements["thumbnails_bucket"] : jsondecode(statement)],
    )
  })
}
