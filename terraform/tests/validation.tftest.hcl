# Every rule about an input: each bad value fails at plan, on that input, and what is just allowed does not.
#
# A run holds one bad value for each of several variables, and fails unless every one of them is refused; of the values
# of one variable, each breaks one rule. A rule that looks at other inputs is not asked while one of those is refused: so
# bad buckets and distributions stand in the first runs, and what looks at them in the others. Of the front door, which looks
# at most, all but a few stand alone.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "thumbs"
  archives = { folder = "./tests/fixtures" }
}

run "bad_values_first" {
  command = plan

  variables {
    name                     = "Thumbs"                                                                             # capitals
    renditions               = []                                                                                   # none
    limits                   = { pixels = 0 }                                                                       # nothing would pass
    animation                = "gif"                                                                                # no such policy
    truncated                = "ignore"                                                                             # no such policy
    source_prefix            = "/photos/"                                                                           # a leading slash
    source_keys              = { exclude = [""] }                                                                   # nothing
    uploads_bucket           = { name = "my.bucket" }                                                               # a dot
    thumbnails_bucket        = { name = "Thumbnails" }                                                              # capitals
    distribution_arns        = ["E1"]                                                                               # no ARN
    cache_control            = "max-age=3600\n"                                                                     # a header of its own
    cdn                      = { aliases = ["img.example.com"] }                                                    # without a certificate
    batching                 = { size = 0 }                                                                         # nothing in a batch
    memory_mb                = 511                                                                                  # too little for one picture
    timeout_seconds          = 901                                                                                  # longer than Lambda runs
    parallelism              = { images = 0 }                                                                       # nothing at all
    maximum_concurrency      = 1                                                                                    # fewer than Lambda's pollers can be
    backfill                 = { maximum_concurrency = 1 }                                                          # fewer than Lambda's pollers can be
    reconcile                = { schedule = "every day" }                                                           # no such schedule
    jobs                     = { ranges_at_a_time = 1 }                                                             # fewer than Lambda's pollers can be
    max_receive_count        = 1                                                                                    # no second try
    retry_first_seconds      = 0                                                                                    # at once, while what failed is still down
    retry_denied_seconds     = 50000                                                                                # longer than a message can stay hidden
    retention                = { dlq_days = 15 }                                                                    # longer than SQS keeps
    alert_subscriptions      = { ops = { protocol = "pigeon", endpoint = "roof" } }                                 # no such protocol
    alarm_thresholds         = { silent_minutes = 12 }                                                              # no whole periods
    chat_channels            = { slack = { ops = { workspace_id = "T", channel_id = "C", tiers = ["failures"] } } } # digests are not shown there
    digest_window_seconds    = 59                                                                                   # a mail a minute
    runbook_url              = "https://wiki.example.com/runbook#top"                                               # with a fragment of its own
    runtime                  = "python3.8"                                                                          # without the layer's C library
    architecture             = "riscv64"                                                                            # unknown to Lambda
    function_environment     = { CATALOG_TABLE = "mine" }                                                           # set by the module
    tracing                  = { mode = "On" }                                                                      # unknown to Lambda
    log_level                = "LOUD"                                                                               # no such level
    debug_sample_rate        = 1.5                                                                                  # more than all
    kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:alias/theirs"                                 # an alias
    log_kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:alias/logs"                                   # an alias
    alert_topics             = { news = { arn = "arn:aws:sns:eu-central-1:123456789012:news" } }                    # no such tier
    permissions_boundary_arn = "boundary"                                                                           # no ARN
    vpc                      = { subnet_ids = [], security_group_ids = ["sg-0a"] }                                  # nowhere
    plaintext_source_cidrs   = ["0.0.0.0/0"]                                                                        # not loopback
    tags                     = { "AWS:team" = "photos" }                                                            # AWS's own
    access                   = { uploaders = ["shop"] }                                                             # by a name
    events                   = { bus = { mode = "mine" } }                                                          # no such mode
    changes                  = { stream = { mode = "existing" } }                                                   # which one?
  }

  expect_failures = [
    var.name,
    var.renditions,
    var.limits,
    var.animation,
    var.truncated,
    var.source_prefix,
    var.source_keys,
    var.uploads_bucket,
    var.thumbnails_bucket,
    var.distribution_arns,
    var.cache_control,
    var.cdn,
    var.batching,
    var.memory_mb,
    var.timeout_seconds,
    var.parallelism,
    var.maximum_concurrency,
    var.backfill,
    var.reconcile,
    var.jobs,
    var.max_receive_count,
    var.retry_first_seconds,
    var.retry_denied_seconds,
    var.retention,
    var.alert_subscriptions,
    var.alarm_thresholds,
    var.chat_channels,
    var.digest_window_seconds,
    var.runbook_url,
    var.runtime,
    var.architecture,
    var.function_environment,
    var.tracing,
    var.log_level,
    var.debug_sample_rate,
    var.kms_key_arn,
    var.log_kms_key_arn,
    var.alert_topics,
    var.permissions_boundary_arn,
    var.vpc,
    var.plaintext_source_cidrs,
    var.tags,
    var.access,
    var.events,
    var.changes,
  ]
}

run "bad_values_second" {
  command = plan

  variables {
    name                = "a-name-that-is-of-forty-one-characters-01"                                                                  # too long for what tools read
    renditions          = [for number in range(11) : { name = "r${number}", width = 10, height = 10 }]                                 # too many
    limits              = { frames = 1.5 }                                                                                             # half a frame
    source_prefix       = "photos/*"                                                                                                   # a wildcard to IAM
    uploads_bucket      = { mode = "mine", name = "their-uploads" }                                                                    # no such mode
    thumbnails_bucket   = { mode = "eventbridge", name = "their-thumbnails" }                                                          # nobody listens to it
    cache_control       = "public, max-age=31536000, Immutable"                                                                        # and yet replaced
    cdn                 = { certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1-a" }                                   # for no name
    batching            = { size = 10001 }                                                                                             # more than SQS gives
    memory_mb           = 10241                                                                                                        # more than Lambda has
    timeout_seconds     = 0                                                                                                            # no time at all
    parallelism         = { images = 101 }                                                                                             # more than allowed
    maximum_concurrency = 1001                                                                                                         # more than Lambda's pollers can be
    backfill            = { maximum_concurrency = 1001 }                                                                               # more than Lambda's pollers can be
    reconcile           = { schedule = "cron(0 3 * * *)" }                                                                             # no year
    jobs                = { ranges_at_a_time = 1001 }                                                                                  # more than Lambda's pollers can be
    retention           = { queue_days = 4, dlq_days = 4 }                                                                             # dead letters would expire first
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", filter_policy = "{" } }                          # not JSON
    alarm_thresholds    = { oldest_percent = 50, oldest_critical_percent = 25 }                                                        # critical before it is a warning
    chat_channels       = { teams = { ops = { tenant_id = "t", team_id = "g", channel_id = "c", tiers = ["critical", "failures"] } } } # nor there
    tracing             = { sampling = { service_name = "shop", rate = 1.1 } }                                                         # more than all
    kms_key_arn         = "arn:aws:kms:us-east-1:123456789012:key/k"                                                                   # another region
    log_kms_key_arn     = "arn:aws:kms:us-east-1:123456789012:key/k"                                                                   # another region
    alert_topics        = { critical = { arn = "arn:aws:sns:us-east-1:123456789012:pages" } }                                          # another region
    vpc                 = { subnet_ids = ["subnet-0a"], security_group_ids = ["default"] }                                             # a name
    tags                = { team = join("", [for number in range(257) : "p"]) }                                                        # too long
    access              = { statements = { kms_key = ["Allow"] } }                                                                     # no JSON
    events              = { bus = { mode = "existing", arn = "arn:aws:events:us-east-1:123456789012:event-bus/default" } }             # another region
    changes             = { stream = { mode = "existing", arn = "arn:aws:kinesis:us-east-1:123456789012:stream/images" } }             # in another region
  }

  expect_failures = [
    var.name,
    var.renditions,
    var.limits,
    var.source_prefix,
    var.uploads_bucket,
    var.thumbnails_bucket,
    var.cache_control,
    var.cdn,
    var.batching,
    var.memory_mb,
    var.timeout_seconds,
    var.parallelism,
    var.maximum_concurrency,
    var.backfill,
    var.reconcile,
    var.jobs,
    var.retention,
    var.alert_subscriptions,
    var.alarm_thresholds,
    var.chat_channels,
    var.tracing,
    var.kms_key_arn,
    var.log_kms_key_arn,
    var.alert_topics,
    var.vpc,
    var.tags,
    var.access,
    var.events,
    var.changes,
  ]
}

run "bad_values_third" {
  command = plan

  variables {
    name                = "thumbs-"                                                                                                    # ends with a hyphen
    renditions          = [{ name = "a", width = 1, height = 1 }, { name = "a", width = 2, height = 2 }]                               # two of a name
    limits              = { pixels = 200000001 }                                                                                       # more than the function has memory for
    uploads_bucket      = { mode = "existing" }                                                                                        # which?
    thumbnails_bucket   = { mode = "existing" }                                                                                        # which?
    cdn                 = { aliases = ["img.example.com"], certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1-a" } # from elsewhere
    batching            = { window_seconds = 301 }                                                                                     # longer than Lambda waits
    parallelism         = { renders = 17 }                                                                                             # more than allowed
    backfill            = { maximum_concurrency = 2.5 }                                                                                # half an invocation
    reconcile           = { schedule = "rate(0 minutes)" }                                                                             # at once and always
    jobs                = { ranges_at_a_time = 2.5 }                                                                                   # half an invocation
    retention           = { dlq_days = 14, tombstone_days = 14 }                                                                       # tombstones would expire first
    alert_subscriptions = { pager = { protocol = "http", endpoint = "http://events.example.com" } }                                    # for all to read
    alarm_thresholds    = { failed_percent = 50 }                                                                                      # as many as are critical by default
    chat_channels       = { slack = { "#ops" = { workspace_id = "T", channel_id = "C" } } }                                            # no name for a role
    tracing             = { sampling = { service_name = "shop", rate = 0.5, reservoir = 0.5 } }                                        # half an upload
    alert_topics        = { critical = { arn = "arn:aws:sns:eu-central-1:123456789012:pages", kms_key_arn = "alias/pages" } }          # a key by its alias
    tags                = { Team = "photos", team = "videos" }                                                                         # one to IAM
    source_prefix       = join("", [for number in range(171) : "é"])                                                                   # longer in a URL than S3 takes
    events              = { attempts = 0 }                                                                                             # none
    changes             = { stream = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/theirs" } }                            # of a stream that is made
  }

  expect_failures = [
    var.name,
    var.renditions,
    var.limits,
    var.uploads_bucket,
    var.thumbnails_bucket,
    var.cdn,
    var.batching,
    var.parallelism,
    var.backfill,
    var.reconcile,
    var.jobs,
    var.retention,
    var.alert_subscriptions,
    var.alarm_thresholds,
    var.chat_channels,
    var.tracing,
    var.alert_topics,
    var.tags,
    var.source_prefix,
    var.events,
    var.changes,
  ]
}

run "bad_values_fourth" {
  command = plan

  variables {
    name                = "ab"                                                               # too short for a bucket's name
    renditions          = [{ name = "a/b", width = 1, height = 1 }]                          # a slash in a name
    source_prefix       = "日/"                                                               # in no letters that a policy takes
    uploads_bucket      = { owner = "other", account_id = "210987654321" }                   # made here, and of another account
    thumbnails_bucket   = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k" }    # made here, and with another key
    cdn                 = { price_class = "PriceClass_50" }                                  # unknown to CloudFront
    batching            = { size = 11, window_seconds = 0 }                                  # large batches need a window
    parallelism         = { writes = 201 }                                                   # more than allowed
    backfill            = { maximum_concurrency = 10, pollers = { maximum = 10 } }           # one of the two
    pollers             = { maximum = 20 }                                                   # beside maximum_concurrency
    retention           = { log_days = 10 }                                                  # unknown to CloudWatch Logs
    alert_subscriptions = { ops = { protocol = "sqs", endpoint = "ops@example.com" } }       # no queue
    alarm_thresholds    = { dead_letters_critical = 1 }                                      # it is a warning
    tracing             = { sampling = { service_name = "shop", rate = 0.5, priority = 0 } } # before all others
    maximum_concurrency = 20                                                                 # with pollers
    tags                = { for number in range(51) : "tag-${number}" => "" }                # more than a resource has
    reconcile           = { schedule = "rate(14 minutes)" }                                  # before the last run is over
    encryption          = { key = "theirs" }                                                 # no such mode
    events              = { record_age_hours = 19 }                                          # the stream forgets soon after
    jobs                = { reconcile = { schedule = "rate(30 minutes)", dollars = 1 } }     # before the last one can be over
    changes             = { capacity = { mode = "provisioned" } }                            # of how many shards?
  }

  expect_failures = [
    var.jobs,
    var.name,
    var.renditions,
    var.source_prefix,
    var.uploads_bucket,
    var.thumbnails_bucket,
    var.cdn,
    var.batching,
    var.parallelism,
    var.backfill,
    var.pollers,
    var.retention,
    var.alert_subscriptions,
    var.alarm_thresholds,
    var.tracing,
    var.tags,
    var.reconcile,
    var.encryption,
    var.events,
    var.changes,
  ]
}

run "bad_values_fifth" {
  command = plan

  variables {
    renditions          = [{ name = "a", width = 0, height = 1 }]                                               # no area
    uploads_bucket      = { mode = "existing", name = "their-uploads", owner = "other", account_id = "theirs" } # an account by its name
    thumbnails_bucket   = { mode = "existing", name = "their-thumbnails", kms_key_arn = "alias/theirs" }        # a key by its alias
    cdn                 = { web_acl_arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/images/1" }  # of one region
    parallelism         = { renders = 1.5 }                                                                     # half a picture
    backfill            = { pollers = { minimum = 1, maximum = 20 } }                                           # too few
    pollers             = { minimum = 1, maximum = 20 }                                                         # too few
    retention           = { noncurrent_days = 0.5 }                                                             # half a day
    alert_subscriptions = { pager = { protocol = "https", endpoint = "http://events.example.com" } }            # not what it says
    alarm_thresholds    = { error_percent = 101 }                                                               # more than all
    tracing             = { sampling = { service_name = "", rate = 0.5 } }                                      # of nobody
    encryption          = { made_key = "keep" }                                                                 # it is in use
    jobs                = { reconcile = { schedule = "rate(1 day)" } }                                          # nobody has approved of what it costs
    devices             = {}                                                                                    # who would tell them?
  }

  expect_failures = [
    var.jobs,
    var.renditions,
    var.uploads_bucket,
    var.thumbnails_bucket,
    var.cdn,
    var.parallelism,
    var.backfill,
    var.pollers,
    var.retention,
    var.alert_subscriptions,
    var.alarm_thresholds,
    var.tracing,
    var.encryption,
    var.devices,
  ]
}

run "bad_values_sixth" {
  command = plan

  variables {
    renditions          = [{ name = "a", width = 16384, height = 1 }]                                                        # larger than WebP can be
    uploads_bucket      = { mode = "eventbridge", name = "their-uploads", kms_key_arn = "alias/theirs" }                     # a key by its alias
    cdn                 = { logs_bucket = "logs" }                                                                           # a bucket by its name
    backfill            = { pollers = { maximum = 2001 } }                                                                   # too many
    pollers             = { maximum = 2001 }                                                                                 # too many
    alert_subscriptions = { ops = { protocol = "sms", endpoint = "015112345678" } }                                          # whose?
    alarm_thresholds    = { late_seconds = 0.5 }                                                                             # half a second
    encryption          = { former_key_arns = ["alias/old"] }                                                                # a key by its alias
    changes             = { retention_hours = 23 }                                                                           # less than Kinesis keeps
    jobs                = { reconcile = { schedule = "rate(1 day)", dollars = 0 } }                                          # nothing could be done
    events              = { bus = { mode = "existing", arn = "arn:aws:events:eu-central-1:210987654321:event-bus/theirs" } } # no rule of ours
    devices             = {}
  }

  expect_failures = [
    var.jobs,
    var.renditions,
    var.uploads_bucket,
    var.cdn,
    var.backfill,
    var.pollers,
    var.alert_subscriptions,
    var.alarm_thresholds,
    var.encryption,
    var.changes,
    var.devices,
  ]
}

run "bad_values_seventh" {
  command = plan

  variables {
    jobs                = { inventories = [{ bucket = "arn:aws:s3:::lists" }] }                             # no name
    renditions          = [{ name = "a", width = 1, height = 1.5 }]                                         # half a pixel
    uploads_transition  = { days = 90, storage_class = "TAPE" }                                             # unknown to S3
    cors                = { origins = [] }                                                                  # of nobody
    backfill            = { pollers = { minimum = 21, maximum = 20 } }                                      # more at least than at most
    pollers             = { minimum = 21, maximum = 20 }                                                    # more at least than at most
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", tiers = ["fatal"] } } # no such tier
    alarm_thresholds    = { silent_minutes = 65 }                                                           # an outage of an hour, unheard
    kms_key_arn         = "arn:aws:kms:eu-central-1:123456789012:key/k"                                     # beside one that is made
    log_kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/k"                                     # beside that of all else
    changes             = { archive = { buffering_seconds = 59 } }                                          # many small files
    events              = {}
    devices             = { topic_prefix = "cameras/+" } # every topic of that depth
  }

  expect_failures = [
    var.jobs,
    var.renditions,
    var.uploads_transition,
    var.cors,
    var.backfill,
    var.pollers,
    var.alert_subscriptions,
    var.alarm_thresholds,
    var.kms_key_arn,
    var.log_kms_key_arn,
    var.changes,
    var.devices,
  ]
}

run "bad_values_eighth" {
  command = plan

  variables {
    jobs                = { reconcile = { dollars = 20 } }                                           # of a command, --budget says so
    renditions          = [{ name = "a", width = 1, height = 1, fit = "stretch" }]                   # no such fit
    uploads_transition  = { days = 29, storage_class = "ONEZONE_IA" }                                # S3 wants a month
    cors                = { origins = ["https://www.example.com/gallery"] }                          # a path
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", tiers = [] } } # of nothing
    snap_start          = true
    runtime             = "python3.11"               # without SnapStart
    changes             = { archive = { days = 0 } } # gone at once
    events              = {}
    devices             = { topic_prefix = "$aws/things" } # AWS's own
  }

  expect_failures = [
    var.jobs,
    var.renditions,
    var.uploads_transition,
    var.cors,
    var.alert_subscriptions,
    var.runtime,
    var.changes,
    var.devices,
  ]
}

run "bad_values_ninth" {
  command = plan

  variables {
    jobs                = { inventories = [{ bucket = "lists-*" }] }                                                # whichever begins so
    renditions          = [{ name = "a", width = 1, height = 1, format = "bmp" }]                                   # no such format
    uploads_transition  = { days = 0.5, storage_class = "GLACIER" }                                                 # half a day
    cors                = { origins = ["https://*.*.example.com"] }                                                 # two of them
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", filter_policy = "corrupt" } } # not JSON
    runtime             = "python3.14"                                                                              # unknown to version 5 of the provider, with which this runs
    changes             = { archive = { query_gigabytes = 0 } }                                                     # no query could read
    events              = {}
    devices             = { topic_prefix = "a/b/c/d/e/f" } # eight slashes with the rest
  }

  expect_failures = [
    var.jobs,
    var.renditions,
    var.uploads_transition,
    var.cors,
    var.alert_subscriptions,
    var.runtime,
    var.changes,
    var.devices,
  ]
}

run "bad_values_tenth" {
  command = plan

  variables {
    jobs                = { inventories = [{ bucket = "lists", prefix = "photos" }] }                                 # photos-of-others/ too
    renditions          = [{ name = "a", width = 1, height = 1, quality = 101 }]                                      # better than best
    cors                = { origins = ["www.example.com"] }                                                           # no scheme
    alert_subscriptions = { ops = { protocol = "email", endpoint = "ops@example.com", raw_message_delivery = true } } # only queues and web servers
    uploads_bucket      = { mode = "eventbridge", name = "their-uploads", owner = "other" }                           # whose?
    changes             = { attempts = 0 }                                                                            # never tried
    api                 = { sign_in = { mode = "existing", callback_urls = ["https://www.example.com/"] } }           # which one?
    events              = {}
    devices             = { topic_prefix = join("", [for number in range(65) : "a"]) } # no room in the policy
  }

  expect_failures = [
    var.jobs,
    var.renditions,
    var.cors,
    var.alert_subscriptions,
    var.uploads_bucket,
    var.changes,
    var.api,
    var.devices,
  ]
}

run "bad_values_eleventh" {
  command = plan

  variables {
    jobs                = { inventories = [{ bucket = "lists" }, { bucket = "lists", prefix = "*/photos/" }] }                                    # in a policy, any
    renditions          = [{ name = "a", width = 1, height = 1, crop = "left" }]                                                                  # no such crop
    cors                = { origins = ["*"], max_age_seconds = 0.5 }                                                                              # half a second
    alert_subscriptions = { for name in ["a", "b"] : name => { protocol = "email", endpoint = "ops@example.com" } }                               # twice the same
    changes             = { record_age_hours = 19 }                                                                                               # forgotten before it is parked
    api                 = { sign_in = { mode = "existing", user_pool_id = "us-east-1_AbCdEfGhI", callback_urls = ["https://www.example.com/"] } } # another region
    events              = {}
    devices             = { reserved_concurrency = { asks = 0 } } # nothing gets through
  }

  expect_failures = [
    var.jobs,
    var.renditions,
    var.cors,
    var.alert_subscriptions,
    var.changes,
    var.api,
    var.devices,
  ]
}

run "bad_values_twelfth" {
  command = plan

  variables {
    jobs                 = { inventories = [{ bucket = "lists", prefix = "/photos/" }] } # no key begins so
    changes              = { capacity = { mode = "provisioned", shards = 0 } }           # takes nothing
    renditions           = [{ name = "a", width = 1, height = 1, background = "white" }] # a colour's name
    pollers              = { maximum = 3 }
    reserved_concurrency = 39 # 30 of the pollers, and 10
    uploads_bucket       = { mode = "existing", name = "photos" }
    thumbnails_bucket    = { mode = "existing", name = "served" }
    uploads_transition   = { days = 90, storage_class = "GLACIER_IR" } # its owner decides
    cors                 = { origins = ["*"] }                         # its owner decides
    events               = {}
    devices              = { url_minutes = 61 } # good for whoever has it
  }

  expect_failures = [
    var.jobs,
    var.changes,
    var.renditions,
    var.reserved_concurrency,
    var.uploads_transition,
    var.cors,
    var.devices,
  ]
}

run "bad_values_thirteenth" {
  command = plan

  variables {
    archives             = { mode = "git" }                                    # no such mode
    renditions           = [{ name = "a", width = 1, height = 1, effort = 7 }] # more than WebP can try
    reserved_concurrency = 29                                                  # fewer than 20 and 10
  }

  expect_failures = [
    var.archives,
    var.renditions,
    var.reserved_concurrency,
  ]
}

# On the verge: what is just allowed is not refused.

run "bad_values_fourteenth" {
  command = plan

  variables {
    archives = { folder = "./tests/fixtures", s3 = { bucket = "b", thumbnailer = { key = "t" }, reconciler = { key = "r" }, layer = { key = "l" } } } # which?
  }

  expect_failures = [var.archives]
}

run "bad_values_fifteenth" {
  command = plan

  variables {
    archives = { folder = "./tests/fixtures", layer = "existing" } # which?
  }

  expect_failures = [var.archives]
}

run "bad_values_sixteenth" {
  command = plan

  variables {
    archives = { folder = "./tests/fixtures", layer = "existing", layer_arn = "arn:aws:lambda:eu-central-1:123456789012:layer:imaging" } # which version?
  }

  expect_failures = [var.archives]
}

run "bad_values_seventeenth" {
  command = plan

  variables {
    jobs = { inventories = [{ bucket = "lists", prefix = "日/" }] }                                              # no policy could say so
    api  = { sign_in = { callback_urls = ["https://www.example.com/"] }, throttle = { requests_a_second = 0 } } # nothing gets through
  }

  expect_failures = [var.jobs, var.api]
}

run "bad_values_eighteenth" {
  command = plan

  variables {
    jobs    = { inventories = [{ bucket = "lists", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/lists" }] } # an alias
    api     = { sign_in = { callback_urls = ["https://www.example.com/"] }, limits = { bytes = 67108865 } }               # would be uploaded in vain
    events  = {}
    devices = { limits = { bytes = 67108865 } }
  }

  expect_failures = [var.jobs, var.api, var.devices]
}

run "bad_values_nineteenth" {
  command = plan

  variables {
    jobs    = { inventories = [{ bucket = "lists", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/*" }] }  # every key
    api     = { sign_in = { callback_urls = ["https://www.example.com/"] }, limits = { types = ["image/svg+xml"] } } # a page with scripts
    events  = {}
    devices = { limits = { types = ["image/svg+xml"] } }
  }

  expect_failures = [var.jobs, var.api, var.devices]
}

run "bad_values_twentieth" {
  command = plan

  variables {
    jobs = { inventories = [{ bucket = "lists", kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/k" }] } # S3 takes none of another region
    api  = { sign_in = { callback_urls = ["https://www.example.com/"] }, cors = { origins = ["*"] } }         # anybody's page
  }

  expect_failures = [var.jobs, var.api]
}

run "bad_values_twenty_first" {
  command = plan

  variables {
    jobs = { inventories = [{ bucket = "lists", prefix = "${join("", [for number in range(285) : "p"])}/" }] }                                                                              # more than tools have room for
    api  = { sign_in = { callback_urls = ["https://www.example.com/"] }, domain = { name = "images.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1-a" } } # another region
  }

  expect_failures = [var.jobs, var.api]
}

run "bad_values_twenty_second" {
  command = plan

  variables {
    thumbnails_bucket = { mode = "existing", name = "served" }
    cdn               = {}
    api               = { sign_in = { callback_urls = ["https://www.example.com/"] } } # the distribution would serve users' images
  }

  expect_failures = [var.api]
}

run "bad_values_of_a_distribution_that_is_brought" {
  command = plan

  variables {
    thumbnails_bucket = { mode = "existing", name = "served" }
    distribution_arns = ["arn:aws:cloudfront::123456789012:distribution/E1"]
    api               = { sign_in = { callback_urls = ["https://www.example.com/"] } } # it would serve users' images
  }

  expect_failures = [var.api]
}

run "bad_values_twenty_third" {
  command = plan

  variables {
    source_prefix = "photos"
    api           = { sign_in = { callback_urls = ["https://www.example.com/"] } } # beside photosusers/
    events        = {}
    devices       = {} # beside photosthings/
  }

  expect_failures = [var.api, var.devices]
}

run "bad_values_twenty_fourth" {
  command = plan

  variables {
    source_keys = { include = ["*.jpg", "photos/*"] } # no id ends so
    events      = {}
    devices     = {}
    api         = { sign_in = { callback_urls = ["https://www.example.com/"] } }
  }

  expect_failures = [var.api, var.devices]
}

run "bad_values_twenty_fifth" {
  command = plan

  variables {
    source_keys = { exclude = ["*.xmp", "Users/????????-*", "Things/*.jpg"] } # those of a user pool, and of one camera, whatever their case
    events      = {}
    devices     = {}
    api         = { sign_in = { callback_urls = ["https://www.example.com/"] } }
  }

  expect_failures = [var.api, var.devices]
}

run "bad_values_twenty_sixth" {
  command = plan

  variables {
    archives = { mode = "s3", s3 = { bucket = "b", thumbnailer = { key = "t" } } } # without a layer
  }

  expect_failures = [var.archives]
}

run "bad_values_twenty_seventh" {
  command = plan

  variables {
    archives = { mode = "s3", s3 = { bucket = "b", thumbnailer = { key = "t" }, layer = { key = "l" } } } # without the API's
    api      = { sign_in = { callback_urls = ["https://www.example.com/"] } }
  }

  expect_failures = [var.archives]
}

run "bad_values_twenty_eighth" {
  command = plan

  variables {
    api = { sign_in = { callback_urls = ["http://www.example.com/"] } } # anybody could read the code
  }

  expect_failures = [var.api]
}

run "bad_values_twenty_ninth" {
  command = plan

  variables {
    api = { sign_in = { scopes = { read = "images.read" }, callback_urls = ["https://www.example.com/"] } } # of our own pool
  }

  expect_failures = [var.api]
}

run "bad_values_thirtieth" {
  command = plan

  variables {
    api = { sign_in = { domain_prefix = "my-aws-photos", callback_urls = ["https://www.example.com/"] } } # AWS's own word
  }

  expect_failures = [var.api]
}

run "bad_values_thirty_first" {
  command = plan

  variables {
    api = { sign_in = { access_token_minutes = 61, callback_urls = ["https://www.example.com/"] } } # cannot be called back
  }

  expect_failures = [var.api]
}

run "bad_values_thirty_second" {
  command = plan

  variables {
    api = { sign_in = {} } # nowhere to come back to
  }

  expect_failures = [var.api]
}

run "bad_values_thirty_third" {
  command = plan

  variables {
    api = { sign_in = { mode = "oidc", issuer = "https://login.example.com/", audience = ["shop"] }, page = {} } # where, and as whom?
  }

  expect_failures = [var.api]
}

run "bad_values_thirty_fourth" {
  command = plan

  variables {
    api = { sign_in = {}, page = { domain = { name = "page.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1-a" } } } # another region
  }

  expect_failures = [var.api]
}

run "devices_without_their_archives" {
  command = plan

  variables {
    archives = { mode = "s3", s3 = { bucket = "b", thumbnailer = { key = "t" }, layer = { key = "l" }, publisher = { key = "p" }, device_asks = { key = "a" } } } # without the statuses'
    events   = {}
    devices  = {}
  }

  expect_failures = [var.archives]
}

run "verges_pass" {
  command = plan

  variables {
    changes = {
      stream  = { mode = "existing", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/images", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/theirs" }
      archive = { buffering_seconds = 900, days = 1, query_gigabytes = 1 }

      attempts         = 1000
      record_age_hours = 18
    }
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
    jobs = {
      reconcile = { repair = true }
      inventories = [
        { bucket = "my.lists" },
        { bucket = "lists", prefix = "${join("", [for number in range(264) : "p"])} ÿ//", kms_key_arn = "arn:aws-cn:kms:eu-central-1:999999999999:key/mrk-1" },
      ]
    }
    debug_sample_rate = 1
    alarm_thresholds  = { silent_minutes = 60, failed_percent = 49, oldest_critical_percent = 100, dead_letters_critical = 2 }
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
    runbook_url   = "https://wiki.example.com/runbook"
    source_prefix = join("", [for number in range(170) : "é"])
    tags          = { for number in range(50) : join("", [for digit in range(128) : number]) => "Ä 1_.:/=+-@" if length(tostring(number)) == 1 }
  }
}

run "knobs_on_the_verge_pass" {
  command = plan

  variables {
    api = {
      sign_in              = { access_token_minutes = 5, refresh_token_minutes = 5256000, callback_urls = ["http://localhost:8080/", "http://localhost"] }
      limits               = { bytes = 67108864, bytes_a_day = 67108864, asks_a_minute = 1, types = ["image/vnd.wap.wbmp"] }
      throttle             = { requests_a_second = 1, burst = 1 }
      reserved_concurrency = 1
      url_minutes          = 60
      cors                 = { origins = ["http://localhost:8080"], max_age_seconds = 0 }
      page                 = { price_class = "PriceClass_All", web_acl_arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/page/11111111-2222-3333-4444-555555555555" }
    }
    events = {}
    devices = {
      topic_prefix         = "a/b/c/d/${join("", [for number in range(56) : "e"])}"
      limits               = { bytes = 67108864, bytes_a_day = 67108864, asks_a_minute = 1, types = ["image/vnd.wap.wbmp"] }
      reserved_concurrency = { asks = 1, status = 1 }
      url_minutes          = 1
      provisioning         = {}
      role_alias           = true
    }
    source_keys        = { include = ["*.jpg", "Users/*/[!8-9]*", "things/*"], exclude = ["*.xmp", "users/*.*", "u*", "6ba7b810-*", "[a-z]*"] }
    changes            = { capacity = { mode = "provisioned", shards = 1 }, retention_hours = 8760, attempts = 1, record_age_hours = 1, archive = { buffering_seconds = 60 } }
    batching           = { size = 10, window_seconds = 0 }
    reconcile          = { schedule = "rate(15 minutes)" }
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
    thumbnails_bucket  = { mode = "existing", name = "served" }
    cors               = { origins = ["*"] }
    cdn                = {}
    uploads_transition = { days = 1, storage_class = "INTELLIGENT_TIERING" }
  }
}
