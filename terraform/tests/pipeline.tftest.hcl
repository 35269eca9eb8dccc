# The parts together: each is wired to the right others, and the outputs say so.

mock_provider "aws" {
  source = "./tests/mocks"

  # With one ARN for all, an alarm that tells the wrong topic would not be noticed.
  override_resource {
    target = module.alerting.aws_sns_topic.this["failures"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-alerts" }
  }

  override_resource {
    target = module.alerting.aws_sns_topic.this["warning"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-warning" }
  }

  override_resource {
    target = module.alerting.aws_sns_topic.this["critical"]
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-critical" }
  }

  # The provider takes nothing but an ARN for where failures go.
  override_resource {
    target = module.parked_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-parked-123456789012-eu-central-1" }
  }
}

variables {
  name     = "thumbs"
  archives = { folder = "./tests/fixtures" }
}

run "defaults" {
  assert {
    condition     = output.source_bucket == "thumbs-uploads-123456789012-eu-central-1" && output.thumbnails_bucket == "thumbs-thumbnails-123456789012-eu-central-1"
    error_message = "Buckets must be named after the deployment, the account and the region."
  }

  assert {
    condition     = output.source_bucket != output.thumbnails_bucket
    error_message = "What is written must never be what is watched."
  }

  assert {
    condition     = output.table_name == "thumbs-catalog" && output.function_name == "thumbs-thumbnailer" && output.function_role_name == "thumbs-thumbnailer" && output.log_group_name == "/aws/lambda/thumbs-thumbnailer"
    error_message = "Everything must be named after the deployment."
  }

  assert {
    condition     = output.source_prefix == "" && output.failures_index_name == "failures"
    error_message = "By default the whole bucket is watched."
  }

  assert {
    condition = length(distinct([
      output.queue_url, output.queue_arn, output.backfill_queue_url, output.backfill_queue_arn, output.dlq_url, output.dlq_arn,
    ])) == 6
    error_message = "The outputs must tell the queues apart."
  }

  assert {
    condition = (
      output.queue_arn == module.ingest.queue_arn && output.backfill_queue_arn == module.ingest.backfill_queue_arn &&
      output.event_source_mapping_uuid == module.thumbnailer.event_source_mappings["work"].uuid &&
      output.backfill_event_source_mapping_uuid == module.thumbnailer.event_source_mappings["backfill"].uuid &&
      output.event_source_mapping_uuid != output.backfill_event_source_mapping_uuid
    )
    error_message = "The outputs must tell which mapping feeds from which queue."
  }

  assert {
    condition     = output.function_sha256 == filebase64sha256("./tests/fixtures/thumbnailer.zip")
    error_message = "Tools must be able to tell whether the code that runs is the one that was deployed."
  }
}

run "each_queue_has_its_share" {
  variables {
    maximum_concurrency = 30
    backfill            = { maximum_concurrency = 4 }
  }

  assert {
    condition     = output.maximum_concurrency == 30 && output.backfill_maximum_concurrency == 4
    error_message = "The outputs must tell how many invocations each queue may have."
  }
}

run "pollers_count_tenfold" {
  variables {
    pollers              = { maximum = 30 }
    backfill             = { pollers = { minimum = 3, maximum = 4 } }
    reserved_concurrency = 340
  }

  assert {
    condition     = output.maximum_concurrency == 300 && output.backfill_maximum_concurrency == 40
    error_message = "The outputs must tell how many invocations the pollers can keep busy."
  }
}

run "distributions_reach_bucket_and_key" {
  variables {
    distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/E1"]
  }

  assert {
    condition     = strcontains(module.encryption.policy, "arn:aws:cloudfront::123456789012:distribution/E1")
    error_message = "A distribution that may read thumbnails must be able to decrypt them."
  }
}

run "its_own_distribution_reaches_bucket_and_key" {
  override_resource {
    target = module.cdn["on"].aws_cloudfront_distribution.this
    values = { arn = "arn:aws:cloudfront::123456789012:distribution/E2", domain_name = "d111111abcdef8.cloudfront.net" }
  }

  variables {
    distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/E1"]
    cdn               = {}
  }

  assert {
    condition = {
      for what, policy in { bucket = one(values(module.thumbnails_bucket)[*].policy), key = module.encryption.policy } : what => flatten([
        for statement in jsondecode(policy).Statement : statement.Condition.StringEquals["aws:SourceArn"]
        if try(statement.Principal.Service, "") == "cloudfront.amazonaws.com"
      ])
      } == {
      for what in ["bucket", "key"] : what => ["arn:aws:cloudfront::123456789012:distribution/E1", "arn:aws:cloudfront::123456789012:distribution/E2"]
    }
    error_message = "The policies of bucket and key must admit the distributions of others and the one that is made here, and no more."
  }

  assert {
    condition     = output.distribution.domain_name == "d111111abcdef8.cloudfront.net"
    error_message = "The outputs must tell where thumbnails can be had."
  }
}

run "nobody_serves_unless_asked_to" {
  assert {
    condition     = length(module.cdn) == 0 && output.distribution == null
    error_message = "What is open to everybody must be asked for."
  }
}

run "knobs_reach_the_functions" {
  variables {
    propagate_deletions = false
    cache_control       = "private, max-age=60"
    tracing             = { mode = "PassThrough", sampling = { service_name = "shop", rate = 0.5 } }
    reconcile           = { schedule = "rate(1 day)" }
  }

  assert {
    condition = (
      [for function in [module.thumbnailer, module.reconciler["on"]] : function.function.environment["PROPAGATE_DELETIONS"]] == ["false", "false"] &&
      module.thumbnailer.function.environment["CACHE_CONTROL"] == "private, max-age=60" && output.propagate_deletions == false
    )
    error_message = "Both functions must be told whether thumbnails stay, and the one that stores them for how long copies may be kept."
  }
}

# An emulator does not ask keys for permission, so only AWS would notice, and only by silence.
run "key_admits_the_right_bucket_and_log_group" {
  assert {
    condition = [
      for statement in jsondecode(module.encryption.policy).Statement : statement.Condition.ArnEquals["aws:SourceArn"]
      if try(statement.Principal.Service, "") == "s3.amazonaws.com"
    ] == ["arn:aws:s3:::${output.source_bucket}"]
    error_message = "S3 must be let in on behalf of the bucket that is watched."
  }

  assert {
    condition = [
      for statement in jsondecode(module.encryption.policy).Statement : statement.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"]
      if strcontains(try(statement.Principal.Service, ""), "logs.")
    ] == [["arn:aws:logs:eu-central-1:123456789012:log-group:${output.log_group_name}"]]
    error_message = "CloudWatch Logs must be let in for the group that the function logs to."
  }
}

# Alarm → action → topic → the topic's policy → the key's policy: where one link is missing, an alarm turns red and
# nobody hears of it. Counted, so that it cannot hold for want of alarms.
run "every_alarm_reaches_people" {
  assert {
    condition     = { for tier, names in output.alarm_names : tier => length(names) } == { warning = 10, critical = 6, page = 2 }
    error_message = "The outputs must tell the alarms by tier."
  }

  assert {
    condition = { for name, alarm in module.observability.alarms : name => "${join(" ", alarm.actions)} ${join(" ", alarm.ok_actions)}" } == merge(
      { for name in concat(output.alarm_names["warning"], output.alarm_names["critical"]) : name => "${output.topic_arns["warning"]} ${output.topic_arns["warning"]}" },
      { for name in output.alarm_names["page"] : name => "${output.topic_arns["critical"]} ${output.topic_arns["critical"]}" },
    )
    error_message = "Every alarm must publish to a topic of this deployment: pages to the critical one, all others to the warning one."
  }

  assert {
    condition = [
      for tier in ["critical", "warning"] : tier if anytrue([
        for statement in jsondecode(module.alerting.topics[tier].policy).Statement :
        statement.Effect == "Allow" && try(statement.Principal.Service, "") == "cloudwatch.amazonaws.com" &&
        statement.Action == "sns:Publish" && statement.Resource == output.topic_arns[tier]
      ])
    ] == ["critical", "warning"]
    error_message = "Both topics must let alarms publish."
  }

  assert {
    condition = (
      [for tier in ["critical", "warning"] : module.alerting.topics[tier].kms_key_arn] == [output.kms_key_arn, output.kms_key_arn] &&
      length([
        for statement in jsondecode(module.encryption.policy).Statement : statement
        if statement.Effect == "Allow" && try(statement.Principal.Service, "") == "cloudwatch.amazonaws.com" &&
        toset(flatten([statement.Action])) == toset(["kms:GenerateDataKey*", "kms:Decrypt"]) && !can(statement.Condition)
      ]) == 1
    )
    error_message = "Alarms must be able to use the key that both topics are encrypted with."
  }
}

run "nobody_reconciles_unless_asked_to" {
  assert {
    condition     = length(module.reconciler) == 0
    error_message = "A pass costs money: it must be asked for."
  }
}

run "reconciler" {
  variables {
    reconcile            = { schedule = "rate(1 day)" }
    source_prefix        = "photos/"
    function_environment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }
  }

  assert {
    condition     = module.reconciler["on"].function.name == "thumbs-reconciler"
    error_message = "The reconciler must be named after the deployment."
  }

  assert {
    condition     = { for tier, names in output.alarm_names : tier => length(names) } == { warning = 12, critical = 6, page = 2 }
    error_message = "What it finds, and what goes wrong with it, must be alarms."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(module.encryption.policy).Statement : statement.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"]
      if strcontains(try(statement.Principal.Service, ""), "logs.")
      ]) == [
      "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-reconciler",
      "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer",
    ]
    error_message = "CloudWatch Logs must be let in for the groups of both functions."
  }

  assert {
    condition = {
      for name in ["SETTINGS", "SOURCE_BUCKET", "SOURCE_PREFIX", "THUMBNAILS_BUCKET", "CATALOG_TABLE", "AWS_ENDPOINT_URL"] :
      name => module.reconciler["on"].function.environment[name]
    } == { for name in ["SETTINGS", "SOURCE_BUCKET", "SOURCE_PREFIX", "THUMBNAILS_BUCKET", "CATALOG_TABLE", "AWS_ENDPOINT_URL"] : name => module.thumbnailer.function.environment[name] }
    error_message = "Both functions must be told the same."
  }
}

run "nothing_is_announced_unless_asked_to" {
  assert {
    condition = (
      length(module.publisher) == 0 && length(module.parked_bucket) == 0 && length(aws_cloudwatch_event_bus.this) == 0 &&
      !strcontains(module.encryption.policy, "events.amazonaws.com") && !strcontains(aws_ssm_parameter.tools.insecure_value, "publishers") &&
      output.event_bus_arn == null && output.publishers == {} && output.parked_bucket == null && output.table_stream_arn == null
    )
    error_message = "Events cost money: they must be asked for, and leave no trace otherwise."
  }
}

run "events" {
  variables {
    events    = { backfills = false, attempts = 7, record_age_hours = 3 }
    retention = { parked_days = 8 }
  }

  assert {
    condition = (
      output.event_bus_arn == "arn:aws:events:eu-central-1:123456789012:event-bus/thumbs" &&
      aws_cloudwatch_event_bus.this["on"].name == "thumbs" && aws_cloudwatch_event_bus.this["on"].kms_key_identifier == output.kms_key_arn
    )
    error_message = "The bus must be called like the deployment, and be encrypted with its key."
  }

  assert {
    condition = module.publisher["publisher"].function.environment == tomap({
      DESTINATION     = "events"
      DEPLOYMENT      = "thumbs"
      TIMEOUT_SECONDS = "60"
      EVENT_BUS_NAME  = output.event_bus_arn
    })
    error_message = "The publisher must be told where to announce, and for which deployment."
  }

  assert {
    condition = output.publishers == {
      events = {
        function_name             = "thumbs-publisher"
        log_group_name            = "/aws/lambda/thumbs-publisher"
        event_source_mapping_uuid = module.publisher["publisher"].mapping.uuid
      }
    } && output.table_stream_arn == module.catalog.stream_arn && output.parked_bucket == "thumbs-parked-123456789012-eu-central-1"
    error_message = "The outputs must tell who announces, what of, and where the rest is."
  }

  assert {
    condition = { for name in ["event_bus_arn", "publishers", "parked_bucket", "table_stream_arn"] : name => jsonencode(jsondecode(aws_ssm_parameter.tools.insecure_value)[name]) } == {
      event_bus_arn    = jsonencode(output.event_bus_arn)
      publishers       = jsonencode(output.publishers)
      parked_bucket    = jsonencode(output.parked_bucket)
      table_stream_arn = jsonencode(output.table_stream_arn)
    }
    error_message = "What tools find must be what the outputs say."
  }

  assert {
    condition     = contains(module.parked_bucket["on"].lifecycle_rules, "expire-objects") && !contains(module.thumbnails_bucket["on"].lifecycle_rules, "expire-objects")
    error_message = "What is parked must not lie for ever, and what is served must stay."
  }

  assert {
    condition     = { for tier, names in output.alarm_names : tier => length(names) } == { warning = 14, critical = 7, page = 2 }
    error_message = "What keeps events from being announced must be alarms."
  }

  assert {
    condition     = aws_ssm_parameter.tools.tier == "Advanced"
    error_message = "What tools have to know of events must have room beside names of any length."
  }
}

run "an_existing_bus_is_left_as_it_is" {
  variables {
    events = { bus = { mode = "existing", arn = "arn:aws:events:eu-central-1:210987654321:event-bus/theirs" } }
  }

  assert {
    condition = (
      length(aws_cloudwatch_event_bus.this) == 0 && !strcontains(module.encryption.policy, "events.amazonaws.com") &&
      output.event_bus_arn == "arn:aws:events:eu-central-1:210987654321:event-bus/theirs" &&
      module.publisher["publisher"].function.environment["EVENT_BUS_NAME"] == output.event_bus_arn
    )
    error_message = "A bus that was there before must be used as it is."
  }

  assert {
    condition = jsondecode(output.owner_policies["event_bus"]).Statement == [{
      Sid       = "PublisherPuts"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:root" }
      Action    = "events:PutEvents"
      Resource  = "arn:aws:events:eu-central-1:210987654321:event-bus/theirs"
      Condition = { ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::123456789012:role/thumbs-publisher" } }
    }]
    error_message = "Its owner must be told what to allow."
  }
}

run "tools_find_the_deployment_by_its_name" {
  assert {
    condition     = aws_ssm_parameter.tools.name == "/thumbnail-pipeline/thumbs" && aws_ssm_parameter.tools.type == "String"
    error_message = "Tools look for a plain parameter that is named after the deployment."
  }

  assert {
    condition = aws_ssm_parameter.tools.insecure_value == jsonencode({
      release                            = output.release
      archives                           = output.archives
      source_bucket                      = output.source_bucket
      source_prefix                      = output.source_prefix
      source_mode                        = output.source_mode
      source_rule_name                   = output.source_rule_name
      thumbnails_bucket                  = output.thumbnails_bucket
      propagate_deletions                = output.propagate_deletions
      queue_url                          = output.queue_url
      queue_arn                          = output.queue_arn
      backfill_queue_url                 = output.backfill_queue_url
      backfill_queue_arn                 = output.backfill_queue_arn
      dlq_url                            = output.dlq_url
      dlq_arn                            = output.dlq_arn
      table_name                         = output.table_name
      failures_index_name                = output.failures_index_name
      digests_table_name                 = output.digests_table_name
      topic_arns                         = output.topic_arns
      function_name                      = output.function_name
      function_role_name                 = output.function_role_name
      function_sha256                    = output.function_sha256
      log_group_name                     = output.log_group_name
      event_source_mapping_uuid          = output.event_source_mapping_uuid
      backfill_event_source_mapping_uuid = output.backfill_event_source_mapping_uuid
      maximum_concurrency                = output.maximum_concurrency
      reserved_concurrency               = output.reserved_concurrency
      backfill_maximum_concurrency       = output.backfill_maximum_concurrency
      alarm_names                        = output.alarm_names
      dashboard_name                     = output.dashboard_name
    })
    error_message = "What tools find must be what the outputs say."
  }
}

run "longest_name_in_the_longest_region" {
  variables {
    source_prefix = "${join("", [for number in range(511) : "p"])}/"
    name          = "a-name-that-is-of-just-forty-characters0"
    reconcile     = { schedule = "rate(1 day)" }
  }

  override_data {
    target = data.aws_region.current
    values = { id = "ap-southeast-1" }
  }

  # As long as AWS makes them: the provider's made-up ones are shorter.
  override_resource {
    target = module.ingest.aws_sqs_queue.work
    values = {
      arn = "arn:aws:sqs:ap-southeast-1:123456789012:a-name-that-is-of-just-forty-characters0-work"
      url = "https://sqs.ap-southeast-1.amazonaws.com/123456789012/a-name-that-is-of-just-forty-characters0-work"
    }
  }

  override_resource {
    target = module.ingest.aws_sqs_queue.backfill
    values = {
      arn = "arn:aws:sqs:ap-southeast-1:123456789012:a-name-that-is-of-just-forty-characters0-backfill"
      url = "https://sqs.ap-southeast-1.amazonaws.com/123456789012/a-name-that-is-of-just-forty-characters0-backfill"
    }
  }

  override_resource {
    target = module.ingest.aws_sqs_queue.dead_letters
    values = {
      arn = "arn:aws:sqs:ap-southeast-1:123456789012:a-name-that-is-of-just-forty-characters0-dead-letters"
      url = "https://sqs.ap-southeast-1.amazonaws.com/123456789012/a-name-that-is-of-just-forty-characters0-dead-letters"
    }
  }

  override_resource {
    target = module.thumbnailer.aws_lambda_event_source_mapping.queue
    values = { uuid = "14e0db71-5d35-4eb5-b481-8945cf9d10c2" }
  }

  override_resource {
    target = module.alerting.aws_sns_topic.this["failures"]
    values = { arn = "arn:aws:sns:ap-southeast-1:123456789012:a-name-that-is-of-just-forty-characters0-alerts" }
  }

  override_resource {
    target = module.alerting.aws_sns_topic.this["warning"]
    values = { arn = "arn:aws:sns:ap-southeast-1:123456789012:a-name-that-is-of-just-forty-characters0-warning" }
  }

  override_resource {
    target = module.alerting.aws_sns_topic.this["critical"]
    values = { arn = "arn:aws:sns:ap-southeast-1:123456789012:a-name-that-is-of-just-forty-characters0-critical" }
  }

  assert {
    # What a parameter of the standard tier, which costs nothing, can hold.
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
    condition     = length(aws_ssm_parameter.tools.insecure_value) <= 4096 && aws_ssm_parameter.tools.tier == "Standard"
    error_message = "What tools have to know may have 4096 characters, and has ${length(aws_ssm_parameter.tools.insecure_value)}."
  }
}

run "operators_reach_this_deployment" {
  assert {
    condition = {
      for statement in jsondecode(output.operator_policy_json).Statement : statement.Sid => statement.Resource
      if contains(["FindTheStack", "Backfill", "DeadLetters", "Redrive", "Pause", "ReadCatalog", "Repair", "UseTheKeyThroughServices"], statement.Sid)
      } == {
      FindTheStack             = aws_ssm_parameter.tools.arn
      Backfill                 = output.backfill_queue_arn
      DeadLetters              = output.dlq_arn
      Redrive                  = output.queue_arn
      Pause                    = [for mapping in module.thumbnailer.event_source_mappings : mapping.arn]
      ReadCatalog              = [output.table_arn, "${output.table_arn}/index/${output.failures_index_name}"]
      Repair                   = "${local.thumbnails.bucket_arn}/*"
      UseTheKeyThroughServices = [output.kms_key_arn]
    }
    error_message = "Operators must be let to what they operate."
  }

  assert {
    condition = length(setsubtract(
      one([for statement in jsondecode(output.operator_policy_json).Statement : statement.Resource if statement.Sid == "TestAlarms"]),
      [for name in concat(output.alarm_names["warning"], output.alarm_names["page"]) : "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:${name}"],
    )) == 0
    error_message = "The alarms that a test may borrow must be of this deployment, and publish by themselves."
  }
}

run "buckets_by_name" {
  variables {
    uploads_bucket    = { name = "incoming-photos" }
    thumbnails_bucket = { name = "served-thumbnails" }
    source_prefix     = "photos/"
  }

  assert {
    condition     = output.source_bucket == "incoming-photos" && output.thumbnails_bucket == "served-thumbnails" && output.source_prefix == "photos/"
    error_message = "Buckets must be called what they were asked to be called."
  }
}

run "ten_renditions_fit_into_the_environment" {
  variables {
    renditions = [for number in range(10) : {
      name    = "a-name-of-thirty-two-characters${number}", width = 16383, height = 16383, fit = "contain", format = "webp",
      quality = 100, crop = "attention", background = "#ffffff", enlarge = false, effort = 6
    }]
    parallelism = { images = 100, renders = 16, writes = 200 }
    runbook_url = "https://wiki.example.com/${join("", [for number in range(175) : "r"])}"
  }
}
