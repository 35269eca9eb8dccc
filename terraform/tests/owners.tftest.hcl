# What was there before is used as it is, nothing is made beside it, and its owner is told what to allow.

mock_provider "aws" {
  source = "./tests/mocks"

  # The provider takes nothing but an ARN for a rule's target.
  override_resource {
    target = module.ingest.aws_sqs_queue.work
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-work" }
  }

  override_resource {
    target = module.ingest.aws_sqs_queue.dead_letters
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-dead-letters" }
  }
}

variables {
  name      = "thumbs"
  archives  = { folder = "./tests/fixtures" }
  reconcile = { schedule = "rate(1 day)" }
}

run "by_default_all_is_made_here" {
  assert {
    condition     = output.owner_policies == {} && output.source_mode == "create" && output.source_rule_name == ""
    error_message = "Where nothing was there before, nobody has to allow anything."
  }

  assert {
    condition     = length([for statement in jsondecode(output.operator_policy_json).Statement : statement if statement.Sid == "ReadRule"]) == 0
    error_message = "Operators must not be let to a rule that is not there."
  }
}

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
run "others_upload_and_read" {
  variables {
    source_prefix = "photos/"
    access = {
      uploaders  = ["arn:aws:iam::210987654321:role/shop"]
      readers    = ["arn:aws:iam::123456789012:root"]
      statements = { for part in ["kms_key", "uploads_bucket", "thumbnails_bucket"] : part => [jsonencode({ Sid = "Further", Effect = "Deny", Principal = { AWS = "*" }, Action = part, Resource = "*" })] }
    }
  }

  assert {
    condition = {
      for part, policy in {
        key        = module.encryption.policy
        uploads    = module.ingest.policies["uploads"]
        thumbnails = module.thumbnails_bucket["on"].policy
        } : part => [
        for statement in jsondecode(policy).Statement : join(" ", flatten([statement.Sid, statement.Principal.AWS, statement.Action, statement.Resource, jsonencode(try(statement.Condition, null))]))
        if can(regex("^(Uploaders|Readers|Further)", statement.Sid))
      ]
      } == {
      key = [
        "UploadersEncrypt arn:aws:iam::210987654321:role/shop kms:Decrypt kms:GenerateDataKey * {\"StringEquals\":{\"kms:ViaService\":\"s3.eu-central-1.amazonaws.com\"}}",
        "ReadersDecrypt arn:aws:iam::123456789012:root kms:Decrypt * {\"StringEquals\":{\"kms:ViaService\":\"s3.eu-central-1.amazonaws.com\"}}",
        "Further * kms_key * null",
      ]
      uploads = [
        "UploadersPut arn:aws:iam::210987654321:role/shop s3:AbortMultipartUpload s3:ListMultipartUploadParts s3:PutObject arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1/photos/* null",
        "Further * uploads_bucket * null",
      ]
      thumbnails = [
        "ReadersGet arn:aws:iam::123456789012:root s3:GetObject arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1/* null",
        "Further * thumbnails_bucket * null",
      ]
    }
    error_message = "Those who are named must be let in, to do what they come for, and no others."
  }
}

run "everything_was_there_before" {
  variables {
    source_prefix     = "photos/"
    distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/E1"]
    uploads_bucket = {
      mode        = "existing"
      name        = "their.uploads"
      owner       = "other"
      account_id  = "210987654321"
      kms_key_arn = "arn:aws:kms:eu-central-1:210987654321:key/uploads"
    }
    thumbnails_bucket        = { mode = "existing", name = "their-thumbnails", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/thumbnails" }
    encryption               = { key = "existing", log_key = "existing", made_key = "delete" } # of the run before
    kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/theirs"
    log_kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    alert_topics             = { critical = { arn = "arn:aws:sns:eu-central-1:123456789012:pages" }, failures = { arn = "arn:aws:sns:eu-central-1:123456789012:news", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/news" } }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    vpc                      = { subnet_ids = ["subnet-0a", "subnet-0b"], security_group_ids = ["sg-0a"] }
    chat_channels            = { slack = { ops = { workspace_id = "T07EA123LEP", channel_id = "C07EZ1ABC23", tiers = ["critical"] } } }
    alert_subscriptions      = { ops = { protocol = "email", endpoint = "ops@example.com" } }
  }

  assert {
    condition     = output.source_bucket == "their.uploads" && output.thumbnails_bucket == "their-thumbnails" && output.kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/theirs"
    error_message = "What was there before must be what is used."
  }

  assert {
    condition = { for tier, arn in output.topic_arns : tier => arn if tier != "warning" } == {
      critical = "arn:aws:sns:eu-central-1:123456789012:pages"
      failures = "arn:aws:sns:eu-central-1:123456789012:news"
    }
    error_message = "Topics that were there before must take the place of ours."
  }

  assert {
    condition     = toset(keys(output.owner_policies)) == toset(["uploads_bucket", "uploads_kms_key", "thumbnails_bucket", "kms_key", "log_kms_key", "alert_topics/critical", "alert_topics/failures"])
    error_message = "Every owner must be told what to allow."
  }

  assert {
    condition = { for statement in jsondecode(output.owner_policies["uploads_bucket"]).Statement : statement.Sid => jsonencode(statement) } == {
      for statement in [
        {
          Sid       = "ThumbnailerReads"
          Effect    = "Allow"
          Principal = { AWS = "arn:aws:iam::123456789012:root" }
          Action    = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource  = "arn:aws:s3:::their.uploads/photos/*"
          Condition = { ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::123456789012:role/thumbs-thumbnailer" } }
        },
        {
          Sid       = "FunctionsList"
          Effect    = "Allow"
          Principal = { AWS = "arn:aws:iam::123456789012:root" }
          Action    = ["s3:ListBucket", "s3:ListBucketVersions"]
          Resource  = "arn:aws:s3:::their.uploads"
          Condition = { ArnEquals = { "aws:PrincipalArn" = ["arn:aws:iam::123456789012:role/thumbs-reconciler", "arn:aws:iam::123456789012:role/thumbs-thumbnailer"] } }
        },
        {
          Sid       = "DeployerOwnsNotifications"
          Effect    = "Allow"
          Principal = { AWS = "arn:aws:iam::123456789012:root" }
          Action    = ["s3:GetBucketNotification", "s3:PutBucketNotification"]
          Resource  = "arn:aws:s3:::their.uploads"
        },
      ] : statement.Sid => jsonencode(statement)
    }
    error_message = "The uploads bucket must let the functions read, and whoever deploys set its notifications, and no more."
  }

  assert {
    condition     = [for statement in jsondecode(output.owner_policies["thumbnails_bucket"]).Statement : statement.Sid] == ["DenyWithoutTls", "DistributionsRead"]
    error_message = "The thumbnails bucket must do what one of ours does."
  }

  assert {
    condition = [
      for statement in jsondecode(output.owner_policies["kms_key"]).Statement : jsonencode(statement.Condition) if try(statement.Principal.Service, "") == "s3.amazonaws.com"
    ] == [jsonencode({ ArnEquals = { "aws:SourceArn" = "arn:aws:s3:::their.uploads" }, StringEquals = { "aws:SourceAccount" = "210987654321" } })]
    error_message = "S3 must be let in on behalf of the bucket of its owner's account."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(output.owner_policies["log_kms_key"]).Statement : statement.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"]
      ]) == [
      "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler", "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer",
    ]
    error_message = "The logs' key must let CloudWatch Logs in for the groups of both functions."
  }

  assert {
    condition     = [for statement in jsondecode(output.owner_policies["alert_topics/critical"]).Statement : "${statement.Sid} ${statement.Resource}"] == ["AlarmsOfThisAccountPublish arn:aws:sns:eu-central-1:123456789012:pages", "DenyWithoutTls arn:aws:sns:eu-central-1:123456789012:pages"]
    error_message = "A topic for alarms must let them publish."
  }

  assert {
    condition = one([for statement in jsondecode(output.operator_policy_json).Statement : statement.Resource if statement.Sid == "UseTheKeyThroughServices"]) == [
      "arn:aws:kms:eu-central-1:123456789012:key/theirs", "arn:aws:kms:eu-central-1:210987654321:key/uploads",
      "arn:aws:kms:eu-central-1:123456789012:key/thumbnails", "arn:aws:kms:eu-central-1:123456789012:key/news",
    ]
    error_message = "Operators must be let to all keys that others encrypt with."
  }
}

run "a_bucket_that_eventbridge_tells_of" {
  variables {
    uploads_bucket = { mode = "eventbridge", name = "their-uploads" }
    access         = { uploaders = ["arn:aws:iam::123456789012:role/shop"] }
  }

  assert {
    condition     = output.source_mode == "eventbridge" && output.source_rule_name == "thumbs-uploads" && keys(output.owner_policies) == ["uploads_bucket", "uploads_kms_key"]
    error_message = "The outputs must tell how uploads are told of."
  }

  assert {
    condition     = jsondecode(output.owner_policies["uploads_kms_key"]).Statement[*].Sid == ["ThumbnailerReadsEncryptedUploads", "UploadersEncrypt"] && [for statement in jsondecode(output.owner_policies["uploads_bucket"]).Statement : statement.Sid] == ["ThumbnailerReads", "FunctionsList", "UploadersPut"]
    error_message = "Nobody may ask to touch a bucket that is not to be touched."
  }

  assert {
    condition = [
      for statement in jsondecode(module.encryption.policy).Statement : "${statement.Principal.Service} ${jsonencode(try(statement.Condition, "whoever it is for"))}" if statement.Sid == "SenderUsesTheEncryptedQueue"
    ] == ["events.amazonaws.com ${jsonencode("whoever it is for")}"]
    error_message = "The key must let EventBridge in, which does not tell KMS for whom it asks, and not S3."
  }

  assert {
    condition     = length([for statement in jsondecode(module.encryption.policy).Statement : statement if try(statement.Principal.Service, "") == "s3.amazonaws.com"]) == 0
    error_message = "S3 has nothing to send, and must not be let in."
  }

  assert {
    condition = [
      for statement in jsondecode(output.operator_policy_json).Statement : "${join(" ", statement.Action)} ${statement.Resource}" if statement.Sid == "ReadRule"
    ] == ["events:DescribeRule events:ListTargetsByRule arn:aws:events:eu-central-1:123456789012:rule/thumbs-uploads"]
    error_message = "Operators must be let to look at the rule."
  }
}
