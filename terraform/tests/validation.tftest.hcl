# Every rule about an input: the defaults pass, and each bad value fails at plan, on that input.
#
# A run holds one bad value for each of several variables, and fails unless every one of them is refused.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "thumbs"
  archives = { folder = "./tests/fixtures" }
}

run "defaults_pass" {
  command = plan
}

run "bad_values_first" {
  command = plan

  variables {
    name                   = "Thumbs"                                                                             # capitals
    renditions             = []                                                                                   # none
    limits                 = { pixels = 0 }                                                                       # nothing would pass
    animation              = "gif"                                                                                # no such policy
    truncated              = "ignore"                                                                             # no such policy
    source_prefix          = "/photos/"                                                                           # a leading slash
    uploads_bucket         = { name = "my.bucket" }                                                               # a dot
    batching               = { size = 0 }                                                                         # nothing in a batch
    parallelism            = { images = 0 }                                                                       # nothing at all
    memory_mb              = 511                                                                                  # too little for one picture
    timeout_seconds        = 901                                                                                  # longer than Lambda runs
    maximum_concurrency    = 1                                                                                    # fewer than Lambda's pollers can be
    backfill               = { maximum_concurrency = 1 }                                                          # fewer than Lambda's pollers can be
    max_receive_count      = 1                                                                                    # no second try
    retention              = { dlq_days = 15 }                                                                    # longer than SQS keeps
    alert_subscriptions    = { ops = { protocol = "pigeon", endpoint = "roof" } }                                 # no such protocol
    chat_channels          = { slack = { ops = { workspace_id = "T", channel_id = "C", tiers = ["failures"] } } } # digests are not shown there
    alarm_thresholds       = { silent_minutes = 12 }                                                              # no whole periods
    runtime                = "python3.8"                                                                          # without the layer's C library
    architecture           = "riscv64"                                                                            # unknown to Lambda
    function_environment   = { CATALOG_TABLE = "mine" }                                                           # set by the module
    tracing                = { mode = "On" }                                                                      # unknown to Lambda
    cache_control          = "max-age=3600\n"                                                                     # a header of its own
    cdn                    = { aliases = ["img.example.com"] }                                                    # without a certificate
    distribution_arns      = ["E1"]                                                                               # no ARN
    log_level              = "LOUD"                                                                               # no such level
    digest_window_seconds  = 59                                                                                   # a mail a minute
    retry_first_seconds    = 0                                                                                    # at once, while what failed is still down
    debug_sample_rate      = 1.5                                                                                  # more than all
    runbook_url            = "https://wiki.example.com/runbook#top"                                               # with a fragment of its own
    plaintext_source_cidrs = ["0.0.0.0/0"]                                                                        # not loopback
  }

  expect_failures = [
    var.name,
    var.renditions,
    var.limits,
    var.animation,
    var.truncated,
    var.source_prefix,
    var.uploads_bucket,
    var.batching,
    var.parallelism,
    var.memory_mb,
    var.timeout_seconds,
    var.maximum_concurrency,
    var.backfill,
    var.max_receive_count,
    var.retention,
    var.alert_subscriptions,
    var.chat_channels,
    var.alarm_thresholds,
    var.runtime,
    var.architecture,
    var.function_environment,
    var.tracing,
    var.cache_control,
    var.cdn,
    var.log_level,
    var.retry_first_seconds,
    var.digest_window_seconds,
    var.debug_sample_rate,
    var.runbook_url,
    var.distribution_arns,
    var.plaintext_source_cidrs,
  ]
}

run "bad_values_second" {
  command = plan

  variables {
    name                = "a-name-that-is-of-forty-one-characters-01"                                         # too long for what tools read
    renditions          = [for number in range(11) : { name = "r${number}", width = 10, height = 10 }]        # too many
    limits              = { frames = 1.5 }                                                                    # half a frame
    source_prefix       = "photos/*"                                                                          # a wildcard to IAM
    batching            = { size = 10001 }                                                                    # more than SQS gives
    parallelism         = { images = 101 }                                                                    # more than allowed
    memory_mb           = 10241                                                                               # more than Lambda has
    timeout_seconds     = 0                                                                                   # no time at all
    maximum_concurrency = 1001                                                                                # more than Lambda's pollers can be
    backfill            = { maximum_concurrency = 1001 }                                                      # more than Lambda's pollers can be
    retention           = { queue_days = 4, dlq_days = 4 }                                                    # dead letters would expire first
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", filter_policy = "{" } } # not JSON
    thumbnails_bucket   = { name = "Thumbnails" }                                                             # capitals
  }

  expect_failures = [
    var.name,
    var.renditions,
    var.limits,
    var.source_prefix,
    var.batching,
    var.parallelism,
    var.memory_mb,
    var.timeout_seconds,
    var.maximum_concurrency,
    var.backfill,
    var.retention,
    var.alert_subscriptions,
    var.thumbnails_bucket,
  ]
}

run "bad_values_third" {
  command = plan

  variables {
    name        = "thumbs-"                                                                      # ends with a hyphen
    renditions  = [{ name = "a", width = 1, height = 1 }, { name = "a", width = 2, height = 2 }] # two of a name
    batching    = { window_seconds = 301 }                                                       # longer than Lambda waits
    retention   = { dlq_days = 14, tombstone_days = 14 }                                         # tombstones would expire first
    parallelism = { renders = 17 }                                                               # more than allowed
    backfill    = { maximum_concurrency = 2.5 }                                                  # half an invocation
  }

  expect_failures = [
    var.name,
    var.renditions,
    var.batching,
    var.retention,
    var.parallelism,
    var.backfill,
  ]
}

run "bad_values_fourth" {
  command = plan

  variables {
    name        = "ab"                                      # too short for a bucket's name
    renditions  = [{ name = "a/b", width = 1, height = 1 }] # a slash in a name
    batching    = { size = 11, window_seconds = 0 }         # large batches need a window
    retention   = { log_days = 10 }                         # unknown to CloudWatch Logs
    parallelism = { writes = 201 }                          # more than allowed
  }

  expect_failures = [
    var.name,
    var.renditions,
    var.batching,
    var.retention,
    var.parallelism,
  ]
}

run "bad_values_fifth" {
  command = plan

  variables {
    renditions  = [{ name = "a", width = 0, height = 1 }] # no area
    retention   = { noncurrent_days = 0.5 }               # half a day
    parallelism = { renders = 1.5 }                       # half a picture
  }

  expect_failures = [
    var.renditions,
    var.retention,
    var.parallelism,
  ]
}

run "bad_values_sixth" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 16384, height = 1 }] # larger than WebP can be
  }

  expect_failures = [var.renditions]
}

run "bad_values_seventh" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 1, height = 1.5 }] # half a pixel
  }

  expect_failures = [var.renditions]
}

run "bad_values_eighth" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 1, height = 1, fit = "stretch" }] # no such fit
  }

  expect_failures = [var.renditions]
}

run "bad_values_ninth" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 1, height = 1, format = "bmp" }] # no such format
  }

  expect_failures = [var.renditions]
}

run "bad_values_tenth" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 1, height = 1, quality = 101 }] # better than best
  }

  expect_failures = [var.renditions]
}

run "bad_values_eleventh" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 1, height = 1, crop = "left" }] # no such crop
  }

  expect_failures = [var.renditions]
}

run "bad_values_twelfth" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 1, height = 1, background = "white" }] # a colour's name
  }

  expect_failures = [var.renditions]
}

run "bad_values_thirteenth" {
  command = plan

  variables {
    renditions = [{ name = "a", width = 1, height = 1, effort = 7 }] # more than WebP can try
  }

  expect_failures = [var.renditions]
}

# Who hears of it, and when.

run "plaintext_web_server" {
  command = plan

  variables {
    alert_subscriptions = { pager = { protocol = "http", endpoint = "http://events.example.com" } } # for all to read
  }

  expect_failures = [var.alert_subscriptions]
}

run "endpoint_of_another_protocol" {
  command = plan

  variables {
    alert_subscriptions = { ops = { protocol = "sqs", endpoint = "ops@example.com" } } # no queue
  }

  expect_failures = [var.alert_subscriptions]
}

run "web_server_without_tls" {
  command = plan

  variables {
    alert_subscriptions = { pager = { protocol = "https", endpoint = "http://events.example.com" } } # not what it says
  }

  expect_failures = [var.alert_subscriptions]
}

run "number_without_country" {
  command = plan

  variables {
    alert_subscriptions = { ops = { protocol = "sms", endpoint = "015112345678" } } # whose?
  }

  expect_failures = [var.alert_subscriptions]
}

run "unknown_tier" {
  command = plan

  variables {
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", tiers = ["fatal"] } } # no such tier
  }

  expect_failures = [var.alert_subscriptions]
}

run "no_tier" {
  command = plan

  variables {
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", tiers = [] } } # of nothing
  }

  expect_failures = [var.alert_subscriptions]
}

run "filter_that_is_no_json" {
  command = plan

  variables {
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", filter_policy = "corrupt" } }
  }

  expect_failures = [var.alert_subscriptions]
}

run "raw_mail" {
  command = plan

  variables {
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", raw_message_delivery = true } } # only queues and web servers
  }

  expect_failures = [var.alert_subscriptions]
}

run "teams_hears_no_digests" {
  command = plan

  variables {
    chat_channels = { teams = { ops = { tenant_id = "t", team_id = "g", channel_id = "c", tiers = ["critical", "failures"] } } }
  }

  expect_failures = [var.chat_channels]
}

run "channel_with_a_hash" {
  command = plan

  variables {
    chat_channels = { slack = { "#ops" = { workspace_id = "T", channel_id = "C" } } } # no name for a role
  }

  expect_failures = [var.chat_channels]
}

run "critical_before_warning" {
  command = plan

  variables {
    alarm_thresholds = { oldest_percent = 50, oldest_critical_percent = 25 }
  }

  expect_failures = [var.alarm_thresholds]
}

run "failures_critical_before_warning" {
  command = plan

  variables {
    alarm_thresholds = { failed_percent = 50 } # as many as are critical by default
  }

  expect_failures = [var.alarm_thresholds]
}

run "one_dead_letter_is_critical" {
  command = plan

  variables {
    alarm_thresholds = { dead_letters_critical = 1 } # it is a warning
  }

  expect_failures = [var.alarm_thresholds]
}

run "more_than_all" {
  command = plan

  variables {
    alarm_thresholds = { error_percent = 101 }
  }

  expect_failures = [var.alarm_thresholds]
}

run "half_a_second" {
  command = plan

  variables {
    alarm_thresholds = { late_seconds = 0.5 }
  }

  expect_failures = [var.alarm_thresholds]
}

run "silent_for_long" {
  command = plan

  variables {
    alarm_thresholds = { silent_minutes = 65 } # an outage of an hour, unheard
  }

  expect_failures = [var.alarm_thresholds]
}

run "schedule_in_words" {
  command = plan

  variables {
    reconcile = { schedule = "every day" } # no such schedule
  }

  expect_failures = [var.reconcile]
}

run "schedule_of_five_fields" {
  command = plan

  variables {
    reconcile = { schedule = "cron(0 3 * * *)" } # no year
  }

  expect_failures = [var.reconcile]
}

run "schedule_at_once_and_always" {
  command = plan

  variables {
    reconcile = { schedule = "rate(0 minutes)" }
  }

  expect_failures = [var.reconcile]
}

# What is wrong only together with something else.

run "snap_start_on_a_runtime_without_it" {
  command = plan

  variables {
    snap_start = true
    runtime    = "python3.11"
  }

  expect_failures = [var.runtime]
}

run "output_is_the_input" {
  command = plan

  variables {
    uploads_bucket       = { name = "one-and-the-same" }
    thumbnails_bucket    = { name = "one-and-the-same" }
    maximum_concurrency  = 20
    backfill             = { maximum_concurrency = 10 }
    reserved_concurrency = 29
  }

  expect_failures = [
    var.thumbnails_bucket,
    var.reserved_concurrency,
  ]
}

# How thumbnails are kept and served.

run "unknown_class_and_nobodys_scripts" {
  command = plan

  variables {
    uploads_transition = { days = 90, storage_class = "TAPE" } # unknown to S3
    cors               = { origins = [] }                      # of nobody
  }

  expect_failures = [var.uploads_transition, var.cors]
}

run "more_than_all_uploads_sampled" {
  command = plan

  variables {
    tracing            = { sampling = { service_name = "shop", rate = 1.1 } }
    uploads_transition = { days = 29, storage_class = "ONEZONE_IA" }       # S3 wants a month
    cache_control      = "public, max-age=31536000, Immutable"             # and yet replaced
    cors               = { origins = ["https://www.example.com/gallery"] } # a path
  }

  expect_failures = [var.tracing, var.uploads_transition, var.cache_control, var.cors]
}

run "half_an_upload_sampled" {
  command = plan

  variables {
    tracing            = { sampling = { service_name = "shop", rate = 0.5, reservoir = 0.5 } }
    uploads_transition = { days = 0.5, storage_class = "GLACIER" }
    cors               = { origins = ["https://*.*.example.com"] } # two of them
  }

  expect_failures = [var.tracing, var.uploads_transition, var.cors]
}

run "sampled_before_all_others" {
  command = plan

  variables {
    tracing = { sampling = { service_name = "shop", rate = 0.5, priority = 0 } }
    cors    = { origins = ["www.example.com"] } # no scheme
  }

  expect_failures = [var.tracing, var.cors]
}

run "uploads_of_nobody_sampled" {
  command = plan

  variables {
    tracing = { sampling = { service_name = "", rate = 0.5 } }
    cors    = { origins = ["*"], max_age_seconds = 0.5 }
  }

  expect_failures = [var.tracing, var.cors]
}

run "certificate_for_no_name" {
  command = plan

  variables {
    cdn = { certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1-a" }
  }

  expect_failures = [var.cdn]
}

run "certificate_from_elsewhere" {
  command = plan

  variables {
    cdn = { aliases = ["img.example.com"], certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1-a" }
  }

  expect_failures = [var.cdn]
}

run "unknown_price_class" {
  command = plan

  variables {
    cdn = { price_class = "PriceClass_50" }
  }

  expect_failures = [var.cdn]
}

run "web_acl_of_one_region" {
  command = plan

  variables {
    cdn = { web_acl_arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/images/1" }
  }

  expect_failures = [var.cdn]
}

run "logs_into_a_bucket_by_its_name" {
  command = plan

  variables {
    cdn = { logs_bucket = "logs" }
  }

  expect_failures = [var.cdn]
}

run "what_others_decide" {
  command = plan

  variables {
    uploads_bucket     = { mode = "existing", name = "photos" }
    thumbnails_bucket  = { mode = "existing", name = "served" }
    uploads_transition = { days = 90, storage_class = "GLACIER_IR" }
    cors               = { origins = ["*"] }
  }

  expect_failures = [var.uploads_transition, var.cors]
}

run "pollers_beside_a_maximum_concurrency" {
  command = plan

  variables {
    maximum_concurrency = 20
    pollers             = { maximum = 20 }
    backfill            = { maximum_concurrency = 10, pollers = { maximum = 10 } }
  }

  expect_failures = [var.pollers, var.backfill]
}

run "too_few_pollers" {
  command = plan

  variables {
    pollers  = { minimum = 1, maximum = 20 }
    backfill = { pollers = { minimum = 1, maximum = 20 } }
  }

  expect_failures = [var.pollers, var.backfill]
}

run "too_many_pollers" {
  command = plan

  variables {
    pollers  = { maximum = 2001 }
    backfill = { pollers = { maximum = 2001 } }
  }

  expect_failures = [var.pollers, var.backfill]
}

run "more_pollers_at_least_than_at_most" {
  command = plan

  variables {
    pollers  = { minimum = 21, maximum = 20 }
    backfill = { pollers = { minimum = 21, maximum = 20 } }
  }

  expect_failures = [var.pollers, var.backfill]
}

run "pollers_that_reserved_concurrency_throttles" {
  command = plan

  variables {
    pollers              = { maximum = 3 }
    reserved_concurrency = 39
  }

  expect_failures = [var.reserved_concurrency]
}

# What was there before. The thumbnails bucket is compared with the uploads bucket, and so not looked at while that one is
# refused.

run "no_such_modes" {
  command = plan

  variables {
    uploads_bucket           = { mode = "mine", name = "their-uploads" }
    kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:alias/theirs"
    log_kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:alias/logs"
    alert_topics             = { news = { arn = "arn:aws:sns:eu-central-1:123456789012:news" } } # no such tier
    permissions_boundary_arn = "boundary"
    vpc                      = { subnet_ids = [], security_group_ids = ["sg-0a"] } # nowhere
  }

  expect_failures = [
    var.uploads_bucket,
    var.kms_key_arn,
    var.log_kms_key_arn,
    var.alert_topics,
    var.permissions_boundary_arn,
    var.vpc,
  ]
}

run "which_bucket" {
  command = plan

  variables {
    uploads_bucket  = { mode = "existing" }
    kms_key_arn     = "arn:aws:kms:us-east-1:123456789012:key/k"                          # another region
    log_kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/k"                          # another region
    alert_topics    = { critical = { arn = "arn:aws:sns:us-east-1:123456789012:pages" } } # another region
    vpc             = { subnet_ids = ["subnet-0a"], security_group_ids = ["default"] }    # a name
  }

  expect_failures = [
    var.uploads_bucket,
    var.kms_key_arn,
    var.log_kms_key_arn,
    var.alert_topics,
    var.vpc,
  ]
}

run "account_of_a_bucket_that_is_made_here" {
  command = plan

  variables {
    uploads_bucket = { account_id = "210987654321" }
    alert_topics   = { critical = { arn = "arn:aws:sns:eu-central-1:123456789012:pages", kms_key_arn = "alias/pages" } }
  }

  expect_failures = [
    var.uploads_bucket,
    var.alert_topics,
  ]
}

run "account_by_its_name" {
  command = plan

  variables {
    uploads_bucket = { mode = "existing", name = "their-uploads", account_id = "theirs" }
  }

  expect_failures = [var.uploads_bucket]
}

run "uploads_key_by_its_alias" {
  command = plan

  variables {
    uploads_bucket = { mode = "eventbridge", name = "their-uploads", kms_key_arn = "alias/theirs" }
  }

  expect_failures = [var.uploads_bucket]
}

run "thumbnails_that_eventbridge_tells_of" {
  command = plan

  variables {
    thumbnails_bucket = { mode = "eventbridge", name = "their-thumbnails" }
  }

  expect_failures = [var.thumbnails_bucket]
}

run "which_thumbnails_bucket" {
  command = plan

  variables {
    thumbnails_bucket = { mode = "existing" }
  }

  expect_failures = [var.thumbnails_bucket]
}

run "key_of_thumbnails_that_are_made_here" {
  command = plan

  variables {
    thumbnails_bucket = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }
  }

  expect_failures = [var.thumbnails_bucket]
}

run "thumbnails_key_by_its_alias" {
  command = plan

  variables {
    thumbnails_bucket = { mode = "existing", name = "their-thumbnails", kms_key_arn = "alias/theirs" }
  }

  expect_failures = [var.thumbnails_bucket]
}

# On the verge: what is just allowed is not refused.

run "verges_pass" {
  command = plan

  variables {
    name                   = "a-name-that-is-of-just-forty-characters0"
    batching               = { size = 11, window_seconds = 1 }
    backfill               = { maximum_concurrency = 2 }
    reserved_concurrency   = 22
    max_receive_count      = 2
    timeout_seconds        = 900
    retention              = { queue_days = 13, dlq_days = 14, tombstone_days = 15 }
    renditions             = [{ name = "a", width = 16383, height = 1, format = "avif", effort = 10 }]
    plaintext_source_cidrs = ["127.0.0.0/8", "::1/128"]
    parallelism            = { images = 100, renders = 1, writes = 200 }
    digest_window_seconds  = 86400
    reconcile              = { schedule = "cron(0/30 3 ? * MON-FRI *)" }
    debug_sample_rate      = 1
    alarm_thresholds       = { silent_minutes = 60, failed_percent = 49, oldest_critical_percent = 100, dead_letters_critical = 2 }
    alert_subscriptions = {
      mail  = { protocol = "email", endpoint = "ops@example.com" }
      json  = { protocol = "email-json", endpoint = "ops@example.com", tiers = ["failures"], filter_policy = "{}" }
      pager = { protocol = "https", endpoint = "https://events.example.com/x", tiers = ["critical"], raw_message_delivery = true }
      queue = { protocol = "sqs", endpoint = "arn:aws-cn:sqs:cn-north-1:123456789012:q", raw_message_delivery = true }
      bot   = { protocol = "lambda", endpoint = "arn:aws:lambda:eu-central-1:123456789012:function:bot:live" }
      phone = { protocol = "sms", endpoint = "+4915112345678", tiers = ["critical"] }
    }
    chat_channels = {
      slack = { ops = { workspace_id = "T07EA123LEP", channel_id = "C07EZ1ABC23" } }
      teams = { ops = { tenant_id = "t", team_id = "g", channel_id = "c", tiers = ["critical"] } }
    }
    runbook_url = "https://wiki.example.com/runbook"
  }
}

run "rates_pass" {
  command = plan

  variables {
    reconcile = { schedule = "rate(12 hours)" }
  }
}

run "knobs_on_the_verge_pass" {
  command = plan

  variables {
    pollers            = { minimum = 200, maximum = 2000 }
    backfill           = { pollers = { minimum = 2, maximum = 2 } }
    uploads_transition = { days = 30, storage_class = "STANDARD_IA" }
    cache_control      = ""
    cors               = { origins = ["*", "https://*.example.com", "http://localhost:8080"], max_age_seconds = 0 }
    tracing            = { sampling = { service_name = "*", rate = 0, reservoir = 0, priority = 9999 } }
    cdn = {
      aliases         = ["img.example.com", "*.example.org"]
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
      price_class     = "PriceClass_All"
      web_acl_arn     = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/images/11111111-2222-3333-4444-555555555555"
      logs_bucket     = "logs.s3.eu-central-1.amazonaws.com"
    }
  }
}

run "scripts_read_through_the_distribution" {
  command = plan

  variables {
    thumbnails_bucket = { mode = "existing", name = "served" }
    cors              = { origins = ["*"] }
    cdn               = {}
  }
}

run "ones_that_move_at_once_pass" {
  command = plan

  variables {
    uploads_transition = { days = 1, storage_class = "INTELLIGENT_TIERING" }
  }
}

run "small_batches_need_no_window" {
  command = plan

  variables {
    batching = { size = 10, window_seconds = 0 }
  }
}
