# What a device is to AWS IoT: a thing of our type, whose certificate has our policy; and the rule that hears it.

resource "aws_iot_thing_type" "this" {
  name = var.names.thing_type
  tags = var.tags

  properties {
    description = "Devices that upload to ${var.names.thing_type}"
  }
}

# One policy for all of them. Its variables are the thing's that the certificate is attached to. Where that is exclusive, the
# name would be the thing's whatever the device calls itself, so the client id is asked for as well: two devices of one name
# would throw each other out.
# https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html
# https://docs.aws.amazon.com/iot/latest/developerguide/exclusive-thing.html
locals {
  thing = "$${iot:Connection.Thing.ThingName}"
  heard = ["accepted", "rejected", "status"]

  thing_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Effect    = "Allow"
        Action    = "iot:Connect"
        Resource  = "${local.iot}:client/${local.thing}"
        Condition = { Bool = { "iot:Connection.Thing.IsAttached" = "true" } }
      },
      {
        Effect   = "Allow"
        Action   = "iot:Publish"
        Resource = "${local.topics}/${local.thing}/uploads/request"
      },
      {
        Effect   = "Allow"
        Action   = "iot:Subscribe"
        Resource = [for topic in local.heard : "${local.iot}:topicfilter/${var.topic_prefix}/${local.thing}/uploads/${topic}"]
      },
      {
        Effect   = "Allow"
        Action   = "iot:Receive"
        Resource = [for topic in local.heard : "${local.topics}/${local.thing}/uploads/${topic}"]
      },
      ], [
      for on in local.role_alias : {
        Effect   = "Allow"
        Action   = "iot:AssumeRoleWithCertificate"
        Resource = local.alias_arn
      }
    ])
  })
}

resource "aws_iot_policy" "thing" {
  name   = var.names.policy
  policy = local.thing_policy
  tags   = var.tags

  lifecycle {
    precondition {
      # Without white space; https://docs.aws.amazon.com/general/latest/gr/iot-core.html#security-limits
      condition     = length(local.thing_policy) <= 2048
      error_message = "The policy of devices would have ${length(local.thing_policy)} characters, and AWS IoT takes 2048: choose a shorter topic_prefix."
    }
  }
}

# The payload goes to the function as it came, whatever is in it: what is no JSON is refused there, in words, and not dropped
# here.
# https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-encode
resource "aws_iot_topic_rule" "requests" {
  name        = var.names.rule
  description = "Hands what devices ask for to ${module.asks.name}"
  enabled     = true
  sql         = "SELECT topic(${length(split("/", var.topic_prefix)) + 1}) AS thing, encode(*, 'base64') AS request, timestamp() AS received_at FROM '${var.topic_prefix}/+/uploads/request'"
  sql_version = "2016-03-23"
  tags        = var.tags

  lambda {
    function_arn = module.asks.arn
  }

  error_action {
    sqs {
      queue_url  = aws_sqs_queue.errors.url
      role_arn   = aws_iam_role.rule.arn
      use_base64 = false
    }
  }

  # Else the first requests would be refused.
  depends_on = [aws_lambda_permission.rule, aws_iam_role_policy.rule]
}

# By this rule, and by no other.
# https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
resource "aws_lambda_permission" "rule" {
  statement_id   = var.names.rule
  action         = "lambda:InvokeFunction"
  function_name  = module.asks.name
  principal      = "iot.amazonaws.com"
  source_account = var.aws.account_id
  source_arn     = local.rule_arn
}

# As whom the rule sends to the queue of errors.
resource "aws_iam_role" "rule" {
  name                 = var.names.rule_role
  permissions_boundary = var.functions["asks"].permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html
      Effect    = "Allow"
      Principal = { Service = "iot.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn }, StringEquals = { "aws:SourceAccount" = var.aws.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "rule" {
  name   = "give-up"
  role   = aws_iam_role.rule.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.give_up })
}
