# Who brings images and who fetches thumbnails, by what they need for it. Whoever uploads encrypts with the key, and puts
# together again what was uploaded in parts, for which it is decrypted.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions

locals {
  through_s3 = { "kms:ViaService" = "s3.${local.aws.region}.${local.aws.dns_suffix}" }

  bucket_permissions = {
    uploaders = {
      Sid      = "UploadersPut"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
      Resource = "${local.uploads_bucket_arn}/${var.source_prefix}*"
    }
    readers = {
      Sid      = "ReadersGet"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = "${local.thumbnails_bucket_arn}/*"
    }
  }
  key_permissions = {
    uploaders = {
      Sid       = "UploadersEncrypt"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Condition = { StringEquals = local.through_s3 }
    }
    readers = {
      Sid       = "ReadersDecrypt"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Condition = { StringEquals = local.through_s3 }
    }
  }

  thumbnails_key_arns = concat([coalesce(var.thumbnails_bucket.kms_key_arn, module.encryption.key_arn)], module.encryption.kept_key_arns, var.encryption.former_key_arns)

  # For identities: everything that they need.
  access_policies = {
    for whose, key_arns in {
      uploaders = [coalesce(var.uploads_bucket.kms_key_arn, module.encryption.key_arn)]
      readers   = local.thumbnails_key_arns
      } : whose => jsonencode({
        Version   = "2012-10-17"
        Statement = [local.bucket_permissions[whose], merge(local.key_permissions[whose], { Resource = key_arns })]
    })
  }

  # For resources: the same, of those who are named.
  principals    = { for whose, arns in { uploaders = var.access.uploaders, readers = var.access.readers } : whose => { Principal = { AWS = arns } } if length(arns) > 0 }
  bucket_access = { for whose, permissions in local.bucket_permissions : whose => [for principal in try([local.principals[whose]], []) : merge(permissions, principal)] }
  key_access    = { for whose, permissions in local.key_permissions : whose => [for principal in try([local.principals[whose]], []) : merge(permissions, principal, { Resource = "*" })] }

  access_statements = {
    kms_key           = concat([for statement in concat(local.key_access["uploaders"], local.key_access["readers"]) : jsonencode(statement)], var.access.statements.kms_key)
    uploads_bucket    = concat([for statement in local.bucket_access["uploaders"] : jsonencode(statement)], var.access.statements.uploads_bucket)
    thumbnails_bucket = concat([for statement in local.bucket_access["readers"] : jsonencode(statement)], var.access.statements.thumbnails_bucket)
  }
}
