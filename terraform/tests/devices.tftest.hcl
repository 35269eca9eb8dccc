# The door for devices: what a thing and a claim may say and hear, what each role may do, what is given up and where it goes.
# What AWS enforces and the emulator does not (conditions of roles' trust, of puts, what EventBridge could not deliver) is held
# here alone.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.ingest.module.bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.devices["on"].aws_sqs_queue.errors
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/thumbs-device-errors" }
  }

  override_resource {
    target = module.devices["on"].module.asks_table.aws_dynamodb_table.this
    values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-asks-of-devices" }
  }

  # The provider takes nothing but an ARN for where failures go.
  override_resource {
    target = module.parked_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-parked-123456789012-eu-central-1" }
  }
}

variables {
  name          = "thumbs"
  archives      = { folder = "./tests/fixtures" }
  source_prefix = "photos/"
}

run "nothing_is_there_unless_asked_for" {
  variables {
    events = {}
  }

  assert {
    condition = (
      length(module.devices) == 0 && output.devices == null && output.operator_devices_policy_json == null &&
      !strcontains(aws_ssm_parameter.tools.insecure_value, "\"devices\"") && !strcontains(module.encryption.policy, "device") &&
      !strcontains(module.encryption.policy, "Undelivered") && length([for name in flatten(values(output.alarm_names)) : name if strcontains(name, "device")]) == 0
    )
    error_message = "A door for devices must be asked for, and leave no trace otherwise."
  }
}

run "with_all_there_is" {
  variables {
    events  = {}
    devices = { provisioning = {}, role_alias = true, topic_prefix = "shop/cameras" }
  }

  assert {
    condition = output.devices == {
      thing_type            = "thumbs-devices"
      policy_name           = "thumbs-devices"
      topic_prefix          = "shop/cameras"
      endpoint              = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
      asks_table_name       = "thumbs-asks-of-devices"
      function_names        = { asks = "thumbs-device-asks", status = "thumbs-device-status", admission = "thumbs-device-admission" }
      log_group_names       = { asks = "/aws/lambda/thumbs-device-asks", status = "/aws/lambda/thumbs-device-status", admission = "/aws/lambda/thumbs-device-admission" }
      error_queue_url       = "https://sqs.eu-central-1.amazonaws.com/123456789012/thumbs-device-errors"
      provisioning_template = "thumbs-devices"
      claim_policy_name     = "thumbs-claims"
      role_alias            = { name = "thumbs-devices", endpoint = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com" }
      limits                = var.devices.limits
      url_minutes           = 10
    } && jsonencode(jsondecode(aws_ssm_parameter.tools.insecure_value)["devices"]) == jsonencode(output.devices)
    error_message = "The outputs must tell all that a device needs to be told, and tools the same."
  }

  # https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html
  assert {
    condition = [
      for statement in jsondecode(module.devices["on"].policies.thing).Statement :
      "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))} if ${jsonencode(try(statement.Condition, null))}"
      ] == [
      "Allow iot:Connect on arn:aws:iot:eu-central-1:123456789012:client/$${iot:Connection.Thing.ThingName} if ${jsonencode({ Bool = { "iot:Connection.Thing.IsAttached" = "true" } })}",
      "Allow iot:Publish on arn:aws:iot:eu-central-1:123456789012:topic/shop/cameras/$${iot:Connection.Thing.ThingName}/uploads/request if null",
      "Allow iot:Subscribe on arn:aws:iot:eu-central-1:123456789012:topicfilter/shop/cameras/$${iot:Connection.Thing.ThingName}/uploads/accepted arn:aws:iot:eu-central-1:123456789012:topicfilter/shop/cameras/$${iot:Connection.Thing.ThingName}/uploads/rejected arn:aws:iot:eu-central-1:123456789012:topicfilter/shop/cameras/$${iot:Connection.Thing.ThingName}/uploads/status if null",
      "Allow iot:Receive on arn:aws:iot:eu-central-1:123456789012:topic/shop/cameras/$${iot:Connection.Thing.ThingName}/uploads/accepted arn:aws:iot:eu-central-1:123456789012:topic/shop/cameras/$${iot:Connection.Thing.ThingName}/uploads/rejected arn:aws:iot:eu-central-1:123456789012:topic/shop/cameras/$${iot:Connection.Thing.ThingName}/uploads/status if null",
      "Allow iot:AssumeRoleWithCertificate on arn:aws:iot:eu-central-1:123456789012:rolealias/thumbs-devices if null",
    ]
    error_message = "A device must be able to be itself alone, to ask on its own topic, and to hear its own answers."
  }

  # https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html#claim-based
  assert {
    condition = [
      for statement in jsondecode(module.devices["on"].policies.claim).Statement :
      "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", [for arn in flatten([statement.Resource]) : trimprefix(arn, "arn:aws:iot:eu-central-1:123456789012:")])}"
      ] == [
      "Allow iot:Connect on client/claim.*",
      "Allow iot:Publish iot:Receive on topic/$aws/certificates/create/* topic/$aws/certificates/create-from-csr/* topic/$aws/provisioning-templates/thumbs-devices/provision/*",
      "Allow iot:Subscribe on topicfilter/$aws/certificates/create/* topicfilter/$aws/certificates/create-from-csr/* topicfilter/$aws/provisioning-templates/thumbs-devices/provision/*",
    ]
    error_message = "A claim must be good for nothing but a certificate, and by no name that a thing can have: whoever connects by a device's name throws it out."
  }

  assert {
    condition = {
      for name, policy in module.devices["on"].functions["asks"].role.policies : name => [
        for statement in jsondecode(policy).Statement :
        "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))} if ${jsonencode(try(statement.Condition, null))}"
      ] if !contains(["logs", "trace"], name)
      } == {
      put-uploads = [
        "Allow s3:PutObject on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1/photos/things/* if null",
        "Allow kms:GenerateDataKey on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } })}",
      ]
      list-uploads = ["Allow s3:ListBucket on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1 if ${jsonencode({ StringLike = { "s3:prefix" = "photos/things/*" } })}"]
      catalog      = ["Allow dynamodb:BatchGetItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog if null"]
      asks         = ["Allow dynamodb:BatchGetItem dynamodb:PutItem dynamodb:UpdateItem on arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-asks-of-devices if null"]
      encryption   = ["Allow kms:Decrypt on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "dynamodb.eu-central-1.amazonaws.com" } })}"]
      answer       = ["Allow iot:Publish on arn:aws:iot:eu-central-1:123456789012:topic/shop/cameras/*/uploads/accepted arn:aws:iot:eu-central-1:123456789012:topic/shop/cameras/*/uploads/rejected if null"]
      give-up = [
        "Allow sqs:SendMessage on arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors if null",
        "Allow kms:Decrypt kms:GenerateDataKey on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "sqs.eu-central-1.amazonaws.com" } })}",
      ]
    }
    error_message = "Who answers devices must be able to do this, and nothing else: it can read no original, no thumbnail and no user's upload."
  }

  assert {
    condition = {
      for name, policy in merge(module.devices["on"].functions["status"].role.policies, { for name, policy in module.devices["on"].functions["admission"].role.policies : "admission/${name}" => policy }) : name => [
        for statement in jsondecode(policy).Statement : "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))}"
      ] if !contains(["logs", "trace"], basename(name))
      } == {
      tell = ["Allow iot:Publish on arn:aws:iot:eu-central-1:123456789012:topic/shop/cameras/*/uploads/status"]
      give-up = [
        "Allow sqs:SendMessage on arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors",
        "Allow kms:Decrypt kms:GenerateDataKey on ${output.kms_key_arn}",
      ]
      "admission/registry" = ["Allow iot:DescribeThing iot:ListThingPrincipals on arn:aws:iot:eu-central-1:123456789012:thing/*"]
    }
    error_message = "Who tells devices must be able to publish statuses alone, and who lets them in to look at things alone."
  }

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
  # https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
  assert {
    condition = {
      for who, role in module.devices["on"].roles : who => [
        for statement in jsondecode(one(values(role.policies))).Statement :
        "${statement.Effect} ${join(" ", flatten([statement.Action]))} on ${join(" ", flatten([statement.Resource]))} if ${jsonencode(try(statement.Condition, null))}"
      ]
      } == {
      device = [
        "Allow s3:PutObject on arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1/photos/things/$${credentials-iot:ThingName}/* if ${jsonencode({ Null = { "s3:if-none-match" = "false" } })}",
        "Allow kms:GenerateDataKey on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "s3.eu-central-1.amazonaws.com" } })}",
      ]
      provisioning = [
        "Allow iot:AttachThingPrincipal iot:CreateThing iot:DescribeThing iot:ListThingPrincipals on arn:aws:iot:eu-central-1:123456789012:thing/* if null",
        "Allow iot:AttachPolicy iot:AttachThingPrincipal iot:DescribeCertificate iot:UpdateCertificate on arn:aws:iot:eu-central-1:123456789012:cert/* if null",
        "Allow iot:DescribeThingType iot:GetPolicy on arn:aws:iot:eu-central-1:123456789012:policy/thumbs-devices arn:aws:iot:eu-central-1:123456789012:thingtype/thumbs-devices if null",
        "Allow iot:AttachPrincipalPolicy iot:ListAttachedPolicies iot:ListPrincipalPolicies iot:ListPrincipalThings on * if null",
      ]
      rule = [
        "Allow sqs:SendMessage on arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors if null",
        "Allow kms:Decrypt kms:GenerateDataKey on ${output.kms_key_arn} if ${jsonencode({ StringEquals = { "kms:ViaService" = "sqs.eu-central-1.amazonaws.com" } })}",
      ]
    }
    error_message = "A device with credentials must put below its own name alone and replace nothing, AWS IoT provision with our policy and type alone, and the rule send to the queue alone."
  }

  # https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html
  assert {
    condition = {
      for who, role in module.devices["on"].roles : who => [
        for statement in jsondecode(role.trust).Statement : "${statement.Principal.Service} if ${jsonencode(try(statement.Condition, null))}"
      ]
      } == {
      device       = ["credentials.iot.amazonaws.com if null"]
      provisioning = ["iot.amazonaws.com if ${jsonencode({ ArnEquals = { "aws:SourceArn" = "arn:aws:iot:eu-central-1:123456789012:provisioningtemplate/thumbs-devices" }, StringEquals = { "aws:SourceAccount" = "123456789012" } })}"]
      rule         = ["iot.amazonaws.com if ${jsonencode({ ArnEquals = { "aws:SourceArn" = "arn:aws:iot:eu-central-1:123456789012:rule/thumbs_device_asks" }, StringEquals = { "aws:SourceAccount" = "123456789012" } })}"]
    }
    error_message = "AWS IoT must act for this rule and this template, and for no other's."
  }

  assert {
    condition = { for name in ["asks", "status", "admission"] : name => module.devices["on"].functions[name].environment } == {
      asks = tomap({
        UPLOADS_BUCKET = "thumbs-uploads-123456789012-eu-central-1"
        SOURCE_PREFIX  = "photos/"
        SOURCE_KEYS    = jsonencode(var.source_keys)
        CATALOG_TABLE  = "thumbs-catalog"
        ASKS_TABLE     = "thumbs-asks-of-devices"
        TOPIC_PREFIX   = "shop/cameras"
        IOT_ENDPOINT   = output.devices.endpoint
        LOG_LEVEL      = "INFO"
        LIMITS = jsonencode({
          asks_a_minute = 60
          bytes         = 33554432
          bytes_a_day   = 2147483648
          types         = ["image/avif", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"]
          url_minutes   = 10
        })
      })
      status    = tomap({ SOURCE_PREFIX = "photos/", TOPIC_PREFIX = "shop/cameras", IOT_ENDPOINT = output.devices.endpoint, LOG_LEVEL = "INFO" })
      admission = tomap({ THING_TYPE = "thumbs-devices", LOG_LEVEL = "INFO" })
    }
    error_message = "The functions must be told where images are, what one device may ask for, and where devices listen."
  }

  assert {
    condition = alltrue([
      for function in ["asks", "status", "admission"] : strcontains(module.encryption.policy, "log-group:/aws/lambda/thumbs-device-${function}")
    ]) && contains(jsondecode(module.encryption.policy).Statement[*].Sid, "UndeliveredEventsReachTheEncryptedQueue")
    error_message = "CloudWatch Logs must be let in for the functions' logs, and EventBridge for what it cannot deliver."
  }

  assert {
    condition     = { for tier, names in output.alarm_names : tier => length([for name in names : name if startswith(name, "thumbs-device-")]) } == { warning = 4, critical = 0, page = 0 }
    error_message = "What goes wrong at the door for devices must be warnings."
  }
}

run "a_bucket_of_another_account" {
  variables {
    events         = {}
    uploads_bucket = { mode = "existing", name = "their-uploads", owner = "other", account_id = "210987654321", kms_key_arn = "arn:aws:kms:eu-central-1:210987654321:key/theirs" }
    devices        = { role_alias = true }
  }

  assert {
    condition = [
      for statement in jsondecode(output.owner_policies["uploads_bucket"]).Statement :
      "${join(" ", statement.Action)} on ${statement.Resource} if ${jsonencode(statement.Condition)}" if startswith(statement.Sid, "Device")
      ] == [
      "s3:PutObject on arn:aws:s3:::their-uploads/photos/things/* if ${jsonencode({ ArnEquals = { "aws:PrincipalArn" = ["arn:aws:iam::123456789012:role/thumbs-device-asks", "arn:aws:iam::123456789012:role/thumbs-devices"] } })}",
      "s3:ListBucket on arn:aws:s3:::their-uploads if ${jsonencode({ ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::123456789012:role/thumbs-device-asks" }, StringLike = { "s3:prefix" = "photos/things/*" } })}",
    ]
    error_message = "The bucket's owner must be told what devices do there."
  }

  assert {
    condition = [
      for statement in jsondecode(output.owner_policies["uploads_kms_key"]).Statement : "${join(" ", statement.Action)} by ${join(" ", statement.Condition.ArnEquals["aws:PrincipalArn"])}" if startswith(statement.Sid, "Device")
    ] == ["kms:GenerateDataKey by arn:aws:iam::123456789012:role/thumbs-device-asks arn:aws:iam::123456789012:role/thumbs-devices"]
    error_message = "With a key of another account, both sides have to allow what is put to be encrypted."
  }

  assert {
    condition     = output.devices.provisioning_template == null && keys(output.devices.function_names) == ["asks", "status"]
    error_message = "Provisioning must be asked for."
  }
}

run "door" {
  module {
    source = "./modules/devices"
  }

  override_resource {
    target = aws_sqs_queue.errors
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors" }
  }

  variables {
    functions = {
      for function in ["asks", "status", "admission"] : function => {
        name = "thumbs-device-${function}"
        package = {
          archive      = { file = "./tests/fixtures/device_${function}.zip", object = null }
          runtime      = "python3.13"
          architecture = "arm64"
          layer_arns   = ["arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1"]
        }
        logs = { group_name = "/aws/lambda/thumbs-device-${function}", retention_days = 30, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
      }
    }
    aws = { account_id = "123456789012", dns_suffix = "amazonaws.com", partition = "aws-us-gov", region = "us-gov-west-1" }
    names = {
      thing_type        = "a-name-that-is-of-just-forty-characters0-devices"
      policy            = "a-name-that-is-of-just-forty-characters0-devices"
      rule              = "thumbs_device_asks"
      rule_role         = "thumbs-device-rule"
      errors            = "thumbs-device-errors"
      asks_table        = "thumbs-asks-of-devices"
      status_rule       = "thumbs-device-status"
      template          = "thumbs-devices"
      provisioning_role = "thumbs-device-provisioning"
      claim_policy      = "thumbs-claims"
      role_alias        = "a-name-that-is-of-just-forty-characters0-devices"
      device_role       = "thumbs-devices"
    }
    deployment           = "thumbs"
    topic_prefix         = "a/b/c/d/${join("", [for number in range(56) : "e"])}" # as long and as deep as it may be
    bus_arn              = "arn:aws:events:eu-central-1:123456789012:event-bus/images"
    uploads              = { bucket_arn = "arn:aws:s3:::uploads", bucket_name = "uploads", prefix = "photos/", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
    source_keys          = { include = [], exclude = ["*.xmp"] }
    catalog              = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/catalog", table_name = "catalog" }
    kms_key_arns         = ["arn:aws:kms:eu-central-1:123456789012:key/k"]
    limits               = { bytes = 1, types = ["image/jpeg"], asks_a_minute = 2, bytes_a_day = 3 }
    url_minutes          = 4
    reserved_concurrency = { asks = 7, status = 5 }
    provisioning         = {}
    role_alias           = true
    without_tls          = { Bool = { "aws:SecureTransport" = ["false"] } }
    log_level            = "INFO"
    tracing              = "Active"
  }

  # https://docs.aws.amazon.com/general/latest/gr/iot-core.html#security-limits
  assert {
    condition     = length(aws_iot_policy.thing.policy) <= 2048 && length(aws_iot_policy.claim["on"].policy) <= 2048
    error_message = "AWS IoT takes policies of 2048 characters, in every partition and with the longest names."
  }

  # https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
  assert {
    condition = (
      length("${var.topic_prefix}/${join("", [for number in range(128) : "t"])}/uploads/accepted") <= 256 &&
      length(regexall("/", "${var.topic_prefix}/thing/uploads/accepted")) == 7
    )
    error_message = "A topic has 256 bytes and seven slashes at most."
  }

  # https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
  assert {
    condition = (
      aws_iot_topic_rule.requests.sql == "SELECT topic(6) AS thing, encode(*, 'base64') AS request, timestamp() AS received_at FROM '${var.topic_prefix}/+/uploads/request'" &&
      aws_iot_topic_rule.requests.sql_version == "2016-03-23" && aws_iot_topic_rule.requests.enabled && one(aws_iot_topic_rule.requests.lambda).function_arn == module.asks.arn
    )
    error_message = "The rule must tell whose topic it was, and hand the payload over as it came."
  }

  # https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
  assert {
    condition = [for action in one(aws_iot_topic_rule.requests.error_action).sqs : [action.queue_url, action.role_arn, action.use_base64]] == [
      [aws_sqs_queue.errors.url, aws_iam_role.rule.arn, false]
    ]
    error_message = "What the rule cannot hand over must lie in the queue of errors."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
  assert {
    condition = {
      for name, config in { asks = aws_lambda_function_event_invoke_config.asks, status = aws_lambda_function_event_invoke_config.status } :
      name => "${config.function_name} ${config.maximum_retry_attempts} in ${config.maximum_event_age_in_seconds} s, then ${one(one(config.destination_config).on_failure).destination}"
      } == {
      asks   = "thumbs-device-asks 2 in 900 s, then arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors"
      status = "thumbs-device-status 2 in 21600 s, then arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors"
    }
    error_message = "What a function fails on must be tried again, and then lie in the queue of errors."
  }

  assert {
    condition = { for name, permission in { rule = aws_lambda_permission.rule, hook = aws_lambda_permission.hook["on"], status = aws_lambda_permission.status } : name => "${permission.function_name} by ${permission.principal} for ${permission.source_arn} of ${coalesce(permission.source_account, "its account")}" } == {
      rule   = "thumbs-device-asks by iot.amazonaws.com for arn:aws-us-gov:iot:us-gov-west-1:123456789012:rule/thumbs_device_asks of 123456789012"
      hook   = "thumbs-device-admission by iot.amazonaws.com for arn:aws-us-gov:iot:us-gov-west-1:123456789012:provisioningtemplate/thumbs-devices of 123456789012"
      status = "thumbs-device-status by events.amazonaws.com for arn:aws-us-gov:events:us-gov-west-1:123456789012:rule/images/thumbs-device-status of its account"
    }
    error_message = "Each function must be invoked by what it is for, and by nothing else."
  }

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
  assert {
    condition = (
      jsondecode(aws_cloudwatch_event_rule.status.event_pattern) == {
        source      = ["thumbnail-pipeline"]
        detail-type = ["Image Ready", "Image Failed"]
        detail      = { deployment = ["thumbs"], data = { key = [{ prefix = "photos/things/" }] } }
      } &&
      aws_cloudwatch_event_rule.status.event_bus_name == "images" && aws_cloudwatch_event_target.status.event_bus_name == "images" &&
      one(aws_cloudwatch_event_target.status.dead_letter_config).arn == aws_sqs_queue.errors.arn && one(aws_cloudwatch_event_target.status.retry_policy).maximum_retry_attempts == 185
    )
    error_message = "What became of devices' images, and of nobody else's, must be told, and lie in the queue of errors where it cannot be."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_sqs_queue.errors.policy).Statement : "${statement.Effect} ${try(statement.Principal.Service, statement.Principal)} ${statement.Action} on ${statement.Resource} if ${jsonencode(statement.Condition)}"
      ] == [
      "Allow events.amazonaws.com sqs:SendMessage on arn:aws-us-gov:sqs:us-gov-west-1:123456789012:thumbs-device-errors if ${jsonencode({ ArnEquals = { "aws:SourceArn" = "arn:aws-us-gov:events:us-gov-west-1:123456789012:rule/images/thumbs-device-status" } })}",
      "Deny * sqs:* on arn:aws-us-gov:sqs:us-gov-west-1:123456789012:thumbs-device-errors if ${jsonencode(var.without_tls)}",
    ] && aws_sqs_queue.errors.kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/k" && aws_sqs_queue.errors.max_message_size == 262144 && aws_sqs_queue.errors.message_retention_seconds == 1209600
    error_message = "The queue of errors must take what the rule on the bus cannot deliver, a whole request, and nothing without TLS."
  }

  # https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
  assert {
    condition = jsondecode(aws_iot_provisioning_template.this["on"].template_body) == {
      Parameters = { SerialNumber = { Type = "String" } }
      Resources = {
        thing = {
          Type             = "AWS::IoT::Thing"
          Properties       = { ThingName = { Ref = "SerialNumber" }, ThingTypeName = "a-name-that-is-of-just-forty-characters0-devices" }
          OverrideSettings = { AttributePayload = "DO_NOTHING", ThingTypeName = "DO_NOTHING", ThingGroups = "DO_NOTHING" }
        }
        certificate = { Type = "AWS::IoT::Certificate", Properties = { CertificateId = { Ref = "AWS::IoT::Certificate::Id" }, Status = "Active", ThingPrincipalType = "EXCLUSIVE_THING" } }
        policy      = { Type = "AWS::IoT::Policy", Properties = { PolicyName = "a-name-that-is-of-just-forty-characters0-devices" } }
      }
    } && one(aws_iot_provisioning_template.this["on"].pre_provisioning_hook).target_arn == module.admission["on"].arn
    error_message = "A device must get a certificate that is its own alone, with the policy of all, and change nothing of its thing; and the hook be asked first."
  }

  # https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
  assert {
    condition     = local.hook_seconds == 5 && aws_iot_role_alias.this["on"].credential_duration == 900
    error_message = "The hook must end by itself before AWS IoT gives up, and credentials be good for as short as there is."
  }
}
