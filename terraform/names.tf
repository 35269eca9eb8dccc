# What everything is called: after the deployment, so that two of them in one account and region have nothing in common,
# and never longer than AWS allows.

locals {
  # A name that is too long ends in six digits of the hash of the whole of it: readable, and still of this deployment.
  names = {
    for thing, name in local.names_in_full :
    thing => length(name.full) <= name.most ? name.full : "${trimsuffix(substr(name.full, 0, name.most - 7), "-")}-${substr(sha256(name.full), 0, 6)}"
  }

  names_of_functions = {
    thumbnailer      = "${var.name}-thumbnailer"
    reconciler       = "${var.name}-reconciler"
    publisher        = "${var.name}-publisher"
    change_publisher = "${var.name}-publisher-changes"
    api              = "${var.name}-api" # as the API itself
    device_asks      = "${var.name}-device-asks"
    device_status    = "${var.name}-device-status"
    device_admission = "${var.name}-device-admission"
    range_worker     = "${var.name}-range-worker"
  }

  # Roles know no regions. Those of functions are called like them, unless the region has to tell them apart.
  role_suffix = var.regional_roles ? "-${local.aws.region}" : ""

  names_in_full = merge(
    {
      # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
      # Taken worldwide, hence the account and the region.
      uploads_bucket    = { full = "${var.name}-uploads-${local.aws.account_id}-${local.aws.region}", most = 63 }
      thumbnails_bucket = { full = "${var.name}-thumbnails-${local.aws.account_id}-${local.aws.region}", most = 63 }
      archive_bucket    = { full = "${var.name}-archive-${local.aws.account_id}-${local.aws.region}", most = 63 }
      parked_bucket     = { full = "${var.name}-parked-${local.aws.account_id}-${local.aws.region}", most = 63 }
      page_bucket       = { full = "${var.name}-page-${local.aws.account_id}-${local.aws.region}", most = 63 }

      # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
      work_queue        = { full = "${var.name}-work", most = 80 }
      backfill_queue    = { full = "${var.name}-backfill", most = 80 }
      dead_letter_queue = { full = "${var.name}-dead-letters", most = 80 }
      device_errors     = { full = "${var.name}-device-errors", most = 80 }
      ranges_queue      = { full = "${var.name}-ranges", most = 80 }

      # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
      uploads_rule       = { full = "${var.name}-uploads", most = 64 }
      device_status_rule = { full = "${var.name}-device-status", most = 64 }

      # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html
      event_bus = { full = var.name, most = 256 }

      # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
      schedule_role     = { full = "${var.name}-reconciler-schedule${local.role_suffix}", most = 64 }
      jobs_schedule     = { full = "${var.name}-range-worker-schedule${local.role_suffix}", most = 64 }
      archive_role      = { full = "${var.name}-archive${local.role_suffix}", most = 64 }
      device_rule_role  = { full = "${var.name}-device-rule${local.role_suffix}", most = 64 }
      provisioning_role = { full = "${var.name}-device-provisioning${local.role_suffix}", most = 64 }
      device_role       = { full = "${var.name}-devices${local.role_suffix}", most = 64 }

      # https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html
      layer = { full = "${var.name}-imaging", most = 140 }

      # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
      access_logs = { full = "/aws/vendedlogs/apis/${var.name}", most = 512 }


      # https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
      change_stream = { full = "${var.name}-changes", most = 128 }

      # https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html
      archive      = { full = "${var.name}-archive", most = 64 }
      archive_logs = { full = "/aws/kinesisfirehose/${var.name}-archive", most = 512 }

      # Athena takes letters, digits and underscores without quotes, and a deployment's name has no underscore of its own.
      # https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
      archive_database = { full = replace("${var.name}-archive", "-", "_"), most = 255 }

      # https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateWorkGroup.html
      archive_workgroup = { full = "${var.name}-archive", most = 128 }

      # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html
      schedule_group = { full = var.name, most = 64 }

      # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
      catalog_table = { full = "${var.name}-catalog", most = 255 }
      asks_table    = { full = "${var.name}-asks", most = 255 }
      digests_table = { full = "${var.name}-digests", most = 255 }
      jobs_table    = { full = "${var.name}-jobs", most = 255 }

      device_asks_table = { full = "${var.name}-asks-of-devices", most = 255 }

      # https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThingType.html
      thing_type = { full = "${var.name}-devices", most = 128 }

      # https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicy.html
      device_policy = { full = "${var.name}-devices", most = 128 }
      claim_policy  = { full = "${var.name}-claims", most = 128 }

      # A rule's name has no hyphens, and a deployment's no underscores.
      # https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html
      device_rule = { full = replace("${var.name}-device-asks", "-", "_"), most = 128 }

      # https://docs.aws.amazon.com/iot/latest/apireference/API_CreateProvisioningTemplate.html
      provisioning_template = { full = "${var.name}-devices", most = 36 }

      # https://docs.aws.amazon.com/iot/latest/apireference/API_CreateRoleAlias.html
      role_alias = { full = "${var.name}-devices", most = 128 }

      # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
      failures_topic = { full = "${var.name}-alerts", most = 256 }
      warning_topic  = { full = "${var.name}-warning", most = 256 }
      critical_topic = { full = "${var.name}-critical", most = 256 }

      # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
      tools_parameter  = { full = "/thumbnail-pipeline/${var.name}", most = 1011 }
      cursor_parameter = { full = "/thumbnail-pipeline/${var.name}/reconcile", most = 1011 }

      # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPool.html
      # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
      user_pool      = { full = var.name, most = 128 }
      sign_in_client = { full = "${var.name}-page", most = 128 }

      # Taken by everybody in the region, hence the account.
      # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolDomain.html
      sign_in_domain = { full = "${var.name}-${local.aws.account_id}", most = 63 }

      # https://docs.aws.amazon.com/xray/latest/api/API_CreateGroup.html
      xray_group = { full = var.name, most = 32 }

      # https://docs.aws.amazon.com/xray/latest/api/API_SamplingRule.html
      sampling_rule = { full = "${var.name}-uploads", most = 32 }

      # Taken in all regions of the account, hence the region.
      # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_OriginAccessControlConfig.html
      # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CachePolicyConfig.html
      # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ResponseHeadersPolicyConfig.html
      cdn  = { full = "${var.name}-thumbnails-${local.aws.region}", most = 64 }
      page = { full = "${var.name}-page-${local.aws.region}", most = 64 }
    },
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    { for function, name in local.names_of_functions : function => { full = name, most = 64 } },
    { for function, name in local.names_of_functions : "role/${function}" => { full = "${name}${local.role_suffix}", most = 64 } },
    { for function, name in local.names_of_functions : "${function}_logs" => { full = "/aws/lambda/${name}", most = 512 } },
    # https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CreateSlackChannelConfiguration.html
    { for channel in local.chat_channels : "chat/${channel}" => { full = "${var.name}-${channel}", most = 128 } },
    { for channel in local.chat_channels : "chat_role/${channel}" => { full = "${var.name}-chat-${channel}${local.role_suffix}", most = 64 } },
  )

  # What is not in here begins with var.name as it is, and stays far below the 255 or 256 characters that AWS allows:
  # alarms, the dashboard, saved queries and the key's alias.

  chat_channels = toset(concat(keys(var.chat_channels.slack), keys(var.chat_channels.teams)))
}
