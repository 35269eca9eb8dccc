# Who is told: alarms may publish to their topics, subscribers hear of their tiers, nobody else gets in.

mock_provider "aws" {
  source = "./tests/mocks"

  # A mocked topic is like any other: without names of their own, a subscriber of the wrong one would not be noticed.
  override_resource {
    target = aws_sns_topic.this["failures"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-alerts" }
  }

  override_resource {
    target = aws_sns_topic.this["warning"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-warning" }
  }

  override_resource {
    target = aws_sns_topic.this["critical"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-critical" }
  }
}

variables {
  name = "thumbs"
  names = {
    topics        = { failures = "thumbs-alerts", warning = "thumbs-warning", critical = "thumbs-critical" }
    digests_table = "thumbs-digests"
    chat_channels = { for channel in ["ops", "night"] : channel => "thumbs-${channel}" }
    chat_roles    = { for channel in ["ops", "night"] : channel => "thumbs-chat-${channel}" }
  }
  aws         = { account_id = "123456789012", partition = "aws", region = "eu-central-1" }
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  without_tls = { Bool = { "aws:SecureTransport" = ["false"] } }
  subscriptions = {
    mail  = { protocol = "email", endpoint = "ops@example.com", tiers = ["failures"] }
    queue = { protocol = "sqs", endpoint = "arn:aws:sqs:eu-central-1:123456789012:q", tiers = ["failures", "warning"], raw_message_delivery = true, filter_policy = "{\"reason\":[\"corrupt\"]}" }
    pager = { protocol = "https", endpoint = "https://events.example.com/x", tiers = ["critical"], undelivered_queue_arn = "arn:aws:sqs:eu-central-1:123456789012:undelivered" }
    slow  = { protocol = "https", endpoint = "https://slow.example.com/x", tiers = ["critical"], endpoint_auto_confirms = false, delivery_policy = "{\"healthyRetryPolicy\":{\"numRetries\":5}}" }
    bot   = { protocol = "lambda", endpoint = "arn:aws:lambda:eu-central-1:123456789012:function:bot", tiers = ["warning", "critical"] }
    alias = { protocol = "lambda", endpoint = "arn:aws:lambda:eu-central-1:123456789012:function:bot:live", tiers = ["critical"] }
  }
  chat_channels = {
    slack = { ops = { workspace_id = "T07EA123LEP", channel_id = "C07EZ1ABC23", tiers = ["warning", "critical"] } }
    teams = { night = { tenant_id = "t", team_id = "g", channel_id = "c", tiers = ["critical"] } }
  }
}

run "topics" {
  module {
    source = "./modules/alerting"
  }

  assert {
    condition = { for tier, topic in aws_sns_topic.this : tier => topic.name } == {
      failures = "thumbs-alerts", warning = "thumbs-warning", critical = "thumbs-critical"
    }
    error_message = "There must be a topic for each tier."
  }

  assert {
    condition     = [for topic in aws_sns_topic.this : topic.kms_master_key_id] == [var.kms_key_arn, var.kms_key_arn, var.kms_key_arn]
    error_message = "Topics must be encrypted with the customer-managed key; CloudWatch cannot use another."
  }

  assert {
    condition = {
      for tier, topic in aws_sns_topic.this : tier => [
        for statement in jsondecode(topic.policy).Statement : statement if statement.Effect == "Allow"
      ]
      } == {
      failures = []
      warning = [{
        Sid       = "AlarmsOfThisAccountPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-central-1:123456789012:thumbs-warning"
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:*" }
          StringEquals = { "aws:SourceAccount" = "123456789012" }
        }
      }]
      critical = [{
        Sid       = "AlarmsOfThisAccountPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:*" }
          StringEquals = { "aws:SourceAccount" = "123456789012" }
        }
      }]
    }
    error_message = "The alarms of this account and region must be able to publish to their tiers, and no other service anywhere."
  }

  assert {
    condition = [
      for tier, topic in aws_sns_topic.this : tier if anytrue([
        for statement in jsondecode(topic.policy).Statement :
        statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "sns:Publish" &&
        statement.Resource == topic.arn && jsonencode(statement.Condition) == jsonencode(var.without_tls)
      ])
    ] == ["critical", "failures", "warning"]
    error_message = "Every topic must deny what comes without TLS."
  }

  assert {
    condition = alltrue([
      for topic in aws_sns_topic.this : output.topics[{ thumbs-alerts = "failures", thumbs-warning = "warning", thumbs-critical = "critical" }[topic.name]].arn == topic.arn
    ]) && length(output.topics) == 3
    error_message = "The outputs must tell the topics apart."
  }
}

run "subscriptions" {
  module {
    source = "./modules/alerting"
  }

  assert {
    condition = { for key, subscription in aws_sns_topic_subscription.this : key => "${subscription.protocol} ${subscription.topic_arn}" } == {
      "mail/failures"  = "email arn:aws:sns:eu-central-1:123456789012:thumbs-alerts"
      "queue/failures" = "sqs arn:aws:sns:eu-central-1:123456789012:thumbs-alerts"
      "queue/warning"  = "sqs arn:aws:sns:eu-central-1:123456789012:thumbs-warning"
      "pager/critical" = "https arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
      "slow/critical"  = "https arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
      "bot/warning"    = "lambda arn:aws:sns:eu-central-1:123456789012:thumbs-warning"
      "bot/critical"   = "lambda arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
      "alias/critical" = "lambda arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
    }
    error_message = "Every subscriber must hear of the tiers that it asked for, and of no other."
  }

  assert {
    condition = (
      aws_sns_topic_subscription.this["queue/failures"].filter_policy == var.subscriptions["queue"].filter_policy &&
      aws_sns_topic_subscription.this["queue/warning"].filter_policy == null
    )
    error_message = "A filter must choose among failures, and let every alarm through: alarms have no attributes."
  }

  assert {
    condition = (
      aws_sns_topic_subscription.this["queue/warning"].raw_message_delivery &&
      !aws_sns_topic_subscription.this["mail/failures"].raw_message_delivery
    )
    error_message = "A message must be delivered raw where that was asked for."
  }

  assert {
    condition = (
      aws_sns_topic_subscription.this["pager/critical"].endpoint_auto_confirms &&
      !aws_sns_topic_subscription.this["slow/critical"].endpoint_auto_confirms &&
      !aws_sns_topic_subscription.this["mail/failures"].endpoint_auto_confirms
    )
    error_message = "Only a web server can confirm by itself, and only unless it was said not to."
  }

  assert {
    condition = (
      jsondecode(aws_sns_topic_subscription.this["pager/critical"].delivery_policy).healthyRetryPolicy.numRetries *
      jsondecode(aws_sns_topic_subscription.this["pager/critical"].delivery_policy).healthyRetryPolicy.minDelayTarget >= 2700 &&
      jsondecode(aws_sns_topic_subscription.this["pager/critical"].delivery_policy).healthyRetryPolicy.numRetries *
      jsondecode(aws_sns_topic_subscription.this["pager/critical"].delivery_policy).healthyRetryPolicy.maxDelayTarget <= 3600 &&
      aws_sns_topic_subscription.this["slow/critical"].delivery_policy == var.subscriptions["slow"].delivery_policy &&
      aws_sns_topic_subscription.this["queue/failures"].delivery_policy == null
    )
    error_message = "A web server that is down must be tried for most of the hour that SNS allows, unless somebody wants it otherwise."
  }

  assert {
    condition = (
      jsondecode(aws_sns_topic_subscription.this["pager/critical"].redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:undelivered" } &&
      aws_sns_topic_subscription.this["slow/critical"].redrive_policy == null
    )
    error_message = "What could not be delivered must go to the queue that was named for it."
  }

  assert {
    condition = { for key, permission in aws_lambda_permission.topic : key => "${permission.principal} ${permission.action} ${permission.function_name} ${permission.source_arn}" } == {
      "bot/warning"    = "sns.amazonaws.com lambda:InvokeFunction arn:aws:lambda:eu-central-1:123456789012:function:bot arn:aws:sns:eu-central-1:123456789012:thumbs-warning"
      "bot/critical"   = "sns.amazonaws.com lambda:InvokeFunction arn:aws:lambda:eu-central-1:123456789012:function:bot arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
      "alias/critical" = "sns.amazonaws.com lambda:InvokeFunction arn:aws:lambda:eu-central-1:123456789012:function:bot arn:aws:sns:eu-central-1:123456789012:thumbs-critical"
    }
    error_message = "SNS must be able to call a function that subscribes, on behalf of the topic alone."
  }

  assert {
    condition     = aws_lambda_permission.topic["alias/critical"].qualifier == "live" && aws_lambda_permission.topic["bot/critical"].qualifier == null
    error_message = "The permission must be on the alias that subscribes."
  }

  assert {
    condition     = length(distinct(values(aws_lambda_permission.topic)[*].statement_id)) == length(aws_lambda_permission.topic)
    error_message = "Two subscribers of a tier may be one function, whose policy has no two statements of a name."
  }
}

run "chat" {
  module {
    source = "./modules/alerting"
  }

  assert {
    condition = (
      aws_chatbot_slack_channel_configuration.this["ops"].sns_topic_arns == toset(["arn:aws:sns:eu-central-1:123456789012:thumbs-warning", "arn:aws:sns:eu-central-1:123456789012:thumbs-critical"]) &&
      aws_chatbot_slack_channel_configuration.this["ops"].slack_team_id == "T07EA123LEP" &&
      aws_chatbot_slack_channel_configuration.this["ops"].slack_channel_id == "C07EZ1ABC23"
    )
    error_message = "The channel in Slack must hear of its tiers."
  }

  assert {
    condition = (
      aws_chatbot_teams_channel_configuration.this["night"].sns_topic_arns == toset(["arn:aws:sns:eu-central-1:123456789012:thumbs-critical"]) &&
      aws_chatbot_teams_channel_configuration.this["night"].tenant_id == "t" &&
      aws_chatbot_teams_channel_configuration.this["night"].team_id == "g" &&
      aws_chatbot_teams_channel_configuration.this["night"].channel_id == "c"
    )
    error_message = "The channel in Teams must hear of its tiers."
  }

  assert {
    condition = [
      for channel in [aws_chatbot_slack_channel_configuration.this["ops"], aws_chatbot_teams_channel_configuration.this["night"]] : channel.guardrail_policy_arns
    ] == [tolist(["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"]), tolist(["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"])]
    error_message = "A channel without a guardrail of its own would have that of an administrator."
  }

  assert {
    condition = {
      for name, role in aws_iam_role.chat : name => jsonencode([for statement in jsondecode(role.assume_role_policy).Statement : [statement.Principal, statement.Condition]])
      } == {
      for name in ["ops", "night"] : name => jsonencode([[{ Service = "chatbot.amazonaws.com" }, { StringEquals = { "aws:SourceAccount" = "123456789012" } }]])
    }
    error_message = "Amazon Q Developer alone may assume a channel's role."
  }

  assert {
    condition = length(aws_iam_role_policy.chat) == 2 && alltrue(flatten([
      for policy in aws_iam_role_policy.chat : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in statement.Action : can(regex("^cloudwatch:(Describe|Get|List)[A-Za-z]+$", action))
        ]
      ]
    ]))
    error_message = "People in a channel may look at alarms and metrics, and do nothing."
  }
}

run "digests" {
  module {
    source = "./modules/alerting"
  }

  assert {
    condition = (
      aws_dynamodb_table.digests.name == "thumbs-digests" && aws_dynamodb_table.digests.hash_key == "reason" &&
      aws_dynamodb_table.digests.billing_mode == "PAY_PER_REQUEST" &&
      aws_dynamodb_table.digests.ttl[0].attribute_name == "expires_at" && aws_dynamodb_table.digests.ttl[0].enabled &&
      aws_dynamodb_table.digests.server_side_encryption[0].kms_key_arn == var.kms_key_arn
    )
    error_message = "Digests must be spaced out by a row for each reason that goes away by itself, encrypted with the customer-managed key."
  }
}

run "nobody" {
  module {
    source = "./modules/alerting"
  }

  variables {
    subscriptions = {}
    chat_channels = { slack = {}, teams = {} }
  }

  assert {
    condition     = length(aws_sns_topic_subscription.this) == 0 && length(aws_iam_role.chat) == 0 && length(aws_sns_topic.this) == 3
    error_message = "Without subscribers there must be topics, and nothing for chats."
  }
}

run "topics_that_were_there_before" {
  module {
    source = "./modules/alerting"
  }

  variables {
    existing_topics          = { critical = { arn = "arn:aws:sns:eu-central-1:123456789012:pages", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/pages" } }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = keys(aws_sns_topic.this) == ["failures", "warning"]
    error_message = "No topic may be made beside one that was there before."
  }

  assert {
    condition = { for tier, topic in output.topics : tier => "${topic.arn} ${topic.name}" if tier == "critical" } == {
      critical = "arn:aws:sns:eu-central-1:123456789012:pages pages"
    }
    error_message = "The topic that was there before must take the place of ours."
  }

  assert {
    condition = (
      contains(aws_chatbot_slack_channel_configuration.this["ops"].sns_topic_arns, "arn:aws:sns:eu-central-1:123456789012:pages") &&
      aws_chatbot_teams_channel_configuration.this["night"].sns_topic_arns == toset(["arn:aws:sns:eu-central-1:123456789012:pages"])
    )
    error_message = "Channels must hear of the topic that was there before."
  }

  assert {
    condition     = [for role in aws_iam_role.chat : role.permissions_boundary] == ["arn:aws:iam::123456789012:policy/boundary", "arn:aws:iam::123456789012:policy/boundary"]
    error_message = "No role may do more than the boundary allows."
  }
}
