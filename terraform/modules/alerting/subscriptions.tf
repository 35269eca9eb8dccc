# Who needs what, since the topics are encrypted: nobody needs the topics' key, for SNS decrypts before it delivers. A
# queue must let sns.amazonaws.com send on behalf of the topic, and if it is encrypted itself, its own key must let
# sns.amazonaws.com use kms:GenerateDataKey* and kms:Decrypt. A function must be in this account and region, and is
# given the permission here.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html

locals {
  subscriptions = merge([
    for name, subscription in var.subscriptions : {
      for tier in subscription.tiers : "${name}/${tier}" => merge(subscription, { tier = tier })
    }
  ]...)

  # By default SNS gives up on a web server after a minute, and whoever was to be woken sleeps on. This asks every
  # 30 seconds for 50 minutes; an hour is the longest that SNS allows.
  # https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
  patient_delivery = jsonencode({
    healthyRetryPolicy = {
      minDelayTarget     = 30
      maxDelayTarget     = 30
      numRetries         = 100
      numNoDelayRetries  = 0
      numMinDelayRetries = 0
      numMaxDelayRetries = 0
      backoffFunction    = "linear"
    }
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = local.subscriptions

  topic_arn            = local.topics[each.value.tier].arn
  protocol             = each.value.protocol
  endpoint             = each.value.endpoint
  raw_message_delivery = each.value.raw_message_delivery

  # Alarms carry no attributes, so a policy on attributes would keep every one of them from its subscriber.
  # https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html
  filter_policy = each.value.tier == "failures" ? each.value.filter_policy : null

  endpoint_auto_confirms = each.value.protocol == "https" && each.value.endpoint_auto_confirms
  delivery_policy        = each.value.protocol == "https" ? coalesce(each.value.delivery_policy, local.patient_delivery) : null

  # https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
  redrive_policy = (
    each.value.undelivered_queue_arn == null ? null : jsonencode({ deadLetterTargetArn = each.value.undelivered_queue_arn })
  )

  # SNS delivers to a function whether it may or not, and what it may not is lost.
  depends_on = [aws_lambda_permission.topic]
}

resource "aws_lambda_permission" "topic" {
  for_each = { for key, subscription in local.subscriptions : key => subscription if subscription.protocol == "lambda" }

  # Two subscribers may be one function, whose policy has no two statements of a name.
  statement_id = "${var.name}-${each.value.tier}-${substr(sha256(each.key), 0, 6)}"
  action       = "lambda:InvokeFunction"
  principal    = "sns.amazonaws.com"
  source_arn   = local.topics[each.value.tier].arn

  # arn:aws:lambda:region:account:function:name, and the alias if there is one
  function_name = join(":", slice(split(":", each.value.endpoint), 0, 7))
  qualifier     = try(split(":", each.value.endpoint)[7], null)

  lifecycle {
    create_before_destroy = true # of another name, there is no moment without it
  }
}
