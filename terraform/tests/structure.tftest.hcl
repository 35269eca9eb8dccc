# The whole module, applied three times: with everything on, with nothing but what is required, and with all that can be
# somebody else's. tests/terraform/test_structure.py reads the resources that come of each run, and holds all of a kind to
# the rules of their kind.

mock_provider "aws" {
  source = "./tests/mocks"

  # Who refers to whom is told by name and ARN: no two may have the same, and some are put together by the module too.
  override_resource {
    target = module.ingest.module.bucket["on"].aws_s3_bucket.this
    values = { id = "thumbs-uploads-123456789012-eu-central-1", arn = "arn:aws:s3:::thumbs-uploads-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.thumbnails_bucket["on"].aws_s3_bucket.this
    values = { id = "thumbs-thumbnails-123456789012-eu-central-1", arn = "arn:aws:s3:::thumbs-thumbnails-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.ingest.aws_sqs_queue.work
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-work" }
  }

  override_resource {
    target = module.ingest.aws_sqs_queue.backfill
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-backfill" }
  }

  override_resource {
    target = module.ingest.aws_sqs_queue.dead_letters
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-dead-letters" }
  }

  override_resource {
    target = module.devices["on"].aws_sqs_queue.errors
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors" }
  }

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

  override_resource {
    target = module.reconciler["on"].module.function.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-reconciler" }
  }

  override_resource {
    target = module.publisher["publisher"].module.function.aws_lambda_function.this
    values = {
      arn           = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-publisher"
      qualified_arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-publisher:1"
    }
  }

  override_resource {
    target = module.publisher["change_publisher"].module.function.aws_lambda_function.this
    values = {
      arn           = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-publisher-changes"
      qualified_arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-publisher-changes:1"
    }
  }

  override_resource {
    target = module.api["on"].module.function.aws_lambda_function.this
    values = {
      arn        = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-api"
      invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:thumbs-api/invocations"
    }
  }

  override_resource {
    target = module.devices["on"].module.asks.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-device-asks" }
  }

  override_resource {
    target = module.devices["on"].module.status.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-device-status" }
  }

  override_resource {
    target = module.devices["on"].module.admission["on"].aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-device-admission" }
  }

  override_resource {
    target = module.changes["on"].module.bucket["on"].aws_s3_bucket.this
    values = { id = "thumbs-archive-123456789012-eu-central-1", arn = "arn:aws:s3:::thumbs-archive-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.parked_bucket["on"].aws_s3_bucket.this
    values = { id = "thumbs-parked-123456789012-eu-central-1", arn = "arn:aws:s3:::thumbs-parked-123456789012-eu-central-1" }
  }
}

variables {
  name            = "thumbs"
  archives        = { folder = "./tests/fixtures" }
  timeout_seconds = 70
  batching        = { window_seconds = 7 }
  tags            = { team = "photos" }
}

run "everything" {
  variables {
    snap_start          = true
    uploads_transition  = { days = 90, storage_class = "INTELLIGENT_TIERING" }
    propagate_deletions = false
    cors                = { origins = ["https://www.example.com"] }
    cdn                 = {}
    tracing             = { sampling = { service_name = "shop", rate = 0.1 } }
    reconcile           = { schedule = "rate(1 day)" }
    events              = {}
    changes             = { archive = {} }
    api                 = { sign_in = {}, cors = { origins = ["https://www.example.com"] }, page = {} }
    devices             = { provisioning = {}, role_alias = true }
    distribution_arns   = ["arn:aws:cloudfront::123456789012:distribution/E1"]
    alert_subscriptions = {
      ops  = { protocol = "email", endpoint = "ops@example.com" }
      bots = { protocol = "lambda", endpoint = "arn:aws:lambda:eu-central-1:123456789012:function:bots" }
    }
    chat_channels = {
      slack = { ops = { workspace_id = "T07EA123LEP", channel_id = "C07EZ1ABC23" } }
      teams = { devs = { tenant_id = "t", team_id = "m", channel_id = "c" } }
    }
  }
}

run "nothing_but_what_is_required" {
}

run "what_was_there_before" {
  variables {
    reconcile                = { schedule = "rate(1 day)" }
    events                   = { bus = { mode = "existing", arn = "arn:aws:events:eu-central-1:210987654321:event-bus/theirs" } }
    uploads_bucket           = { mode = "eventbridge", name = "their-uploads" }
    thumbnails_bucket        = { mode = "existing", name = "their-thumbnails" }
    encryption               = { key = "existing", log_key = "existing", made_key = "delete" } # of the run before
    kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/theirs"
    log_kms_key_arn          = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    vpc                      = { subnet_ids = ["subnet-0a", "subnet-0b"], security_group_ids = ["sg-0a"] }
    changes                  = { stream = { mode = "existing", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/theirs" }, archive = {} }
    alert_topics             = { critical = { arn = "arn:aws:sns:eu-central-1:123456789012:pages" } }
    chat_channels            = { slack = { ops = { workspace_id = "T07EA123LEP", channel_id = "C07EZ1ABC23" } } }
    api                      = { sign_in = { mode = "existing", user_pool_id = "eu-central-1_Theirs", callback_urls = ["https://www.example.com/"] } }
  }
}
