# The key: services get exactly what they need, because what they lack fails silently.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "thumbs"
  aws  = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws", region = "eu-central-1" }
  sender = {
    service = "s3.amazonaws.com"
    condition = {
      ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::thumbs-uploads" }
      StringEquals = { "aws:SourceAccount" = "123456789012" }
    }
  }
  log_group_arns = [
    "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer",
    "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler",
  ]
}

run "served_by_a_distribution" {
  module {
    source = "./modules/encryption"
  }

  variables {
    distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/E1"]
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement :
      try(statement.Principal.Service, "") == "cloudfront.amazonaws.com" && statement.Action == ["kms:Decrypt"] &&
      try(statement.Condition.StringEquals["aws:SourceArn"], []) == ["arn:aws:cloudfront::123456789012:distribution/E1"]
    ])
    error_message = "A distribution must be able to decrypt what it serves, and no other may."
  }
}

run "events_that_cannot_be_delivered" {
  module {
    source = "./modules/encryption"
  }

  variables {
    undelivered_events = true
  }

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
  assert {
    condition = [
      for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement :
      "${statement.Effect} ${join(" ", statement.Action)} if ${jsonencode(try(statement.Condition, null))}" if try(statement.Principal.Service, "") == "events.amazonaws.com"
    ] == ["Allow kms:GenerateDataKey kms:Decrypt if null"]
    error_message = "EventBridge must be able to encrypt what it cannot deliver, without a condition that it may not meet."
  }
}

run "key" {
  module {
    source = "./modules/encryption"
  }

  assert {
    condition     = aws_kms_key.this["on"].enable_key_rotation && aws_kms_key_policy.this["on"].key_id == aws_kms_key.this["on"].key_id
    error_message = "The key must rotate, and the policy must be its own."
  }

  assert {
    condition = toset([
      for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement :
      statement.Principal.Service if can(statement.Principal.Service)
    ]) == toset(["s3.amazonaws.com", "cloudwatch.amazonaws.com", "logs.eu-central-1.amazonaws.com"])
    error_message = "S3, CloudWatch and CloudWatch Logs must be able to use the key, and no other service."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement :
      try(statement.Principal.Service, "") == "s3.amazonaws.com" && statement.Effect == "Allow" &&
      toset(flatten([statement.Action])) == toset(["kms:GenerateDataKey", "kms:Decrypt"]) &&
      try(statement.Condition.ArnEquals["aws:SourceArn"], "") == "arn:aws:s3:::thumbs-uploads" &&
      try(statement.Condition.StringEquals["aws:SourceAccount"], "") == "123456789012"
    ])
    error_message = "S3 must be able to encrypt for the queue, on behalf of the uploads bucket."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement :
      try(statement.Principal.Service, "") == "cloudwatch.amazonaws.com" && statement.Effect == "Allow" &&
      toset(flatten([statement.Action])) == toset(["kms:GenerateDataKey*", "kms:Decrypt"]) && !can(statement.Condition)
    ])
    error_message = "CloudWatch must be able to encrypt for the topic, without a condition that it may not meet."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement :
      try(statement.Principal.Service, "") == "logs.eu-central-1.amazonaws.com" &&
      toset(try(statement.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"], [])) == toset(var.log_group_arns)
    ])
    error_message = "CloudWatch Logs must be able to encrypt the functions' log groups, and no other."
  }
}

run "another_key_is_not_taken_before_somebody_said_what_becomes_of_the_first" {
  command = plan

  module {
    source = "./modules/encryption"
  }

  variables {
    modes            = { key = "existing", log_key = "same" }
    existing_key_arn = "arn:aws:kms:eu-central-1:210987654321:key/theirs"
  }

  # https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html
  expect_failures = [output.key_arn]
}

run "the_first_key_is_kept_beside_another" {
  module {
    source = "./modules/encryption"
  }

  variables {
    modes            = { key = "existing", log_key = "same", made_key = "keep" }
    existing_key_arn = "arn:aws:kms:eu-central-1:210987654321:key/theirs"
  }

  assert {
    condition     = output.key_arn == var.existing_key_arn && output.kept_key_arns == tolist([aws_kms_key.this["on"].arn])
    error_message = "Everything new must be encrypted with the other key, and the first be there for what is old."
  }

  assert {
    condition = [for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement : statement.Action if contains(["DelegateToIam", "LogsAreEncrypted"], statement.Sid)] == [
      ["kms:*"], ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
    ]
    error_message = "The first key must stay ours to administer, and old logs be read with it."
  }
}

run "somebody_elses_key" {
  module {
    source = "./modules/encryption"
  }

  variables {
    modes            = { key = "existing", log_key = "same", made_key = "delete" }
    existing_key_arn = "arn:aws:kms:eu-central-1:210987654321:key/theirs"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && length(aws_kms_alias.this) == 0 && length(aws_kms_key_policy.this) == 0
    error_message = "Nothing of somebody else's key may be made or changed."
  }

  assert {
    condition = [output.key_arn, output.granted_key_arn, output.log_key_arn] == [
      "arn:aws:kms:eu-central-1:210987654321:key/theirs", "arn:aws:kms:eu-central-1:210987654321:key/theirs", "arn:aws:kms:eu-central-1:210987654321:key/theirs",
    ]
    error_message = "Everything must be encrypted with the key that was brought."
  }

  assert {
    condition = [for statement in jsondecode(output.policy).Statement : statement.Sid] == [
      "DelegateToIam", "SenderUsesTheEncryptedQueue", "AlarmsPublishToTheEncryptedTopic", "LogsAreEncrypted",
    ]
    error_message = "Its owner must be told of everybody who has to use it."
  }

  assert {
    condition = [for statement in jsondecode(output.policy).Statement : statement.Action if statement.Sid == "DelegateToIam"] == [[
      "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
    ]]
    error_message = "Its owner must not be asked to let us administer it."
  }
}

run "logs_with_a_key_of_their_own" {
  module {
    source = "./modules/encryption"
  }

  variables {
    modes                = { key = "create", log_key = "existing" }
    existing_log_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs"
  }

  assert {
    condition     = output.log_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/logs" && output.key_arn == aws_kms_key.this["on"].arn
    error_message = "The logs must be encrypted with their key, and all else with ours."
  }

  assert {
    condition = (
      [for statement in jsondecode(aws_kms_key_policy.this["on"].policy).Statement : statement.Sid] == ["DelegateToIam", "SenderUsesTheEncryptedQueue", "AlarmsPublishToTheEncryptedTopic"] &&
      flatten([for statement in jsondecode(output.log_policy).Statement : statement.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"]]) == flatten(var.log_group_arns)
    )
    error_message = "CloudWatch Logs must be let in by the logs' key, and by no other."
  }
}
