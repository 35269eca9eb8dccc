# Two deployments side by side, and the longest name there is. Here, the names that have to be shortened; all of them are
# compared with each other, and with what AWS allows, by tests/terraform/test_names.py, which reads what these runs make.

mock_provider "aws" {
  source = "./tests/mocks"

  # The provider takes nothing but an ARN for where failures go.
  override_resource {
    target = module.parked_bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-parked-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.changes["on"].module.bucket["on"].aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::thumbs-archive-123456789012-eu-central-1" }
  }

  override_resource {
    target = module.devices["on"].aws_sqs_queue.errors
    values = { arn = "arn:aws:sqs:eu-central-1:123456789012:thumbs-device-errors" }
  }
}

override_data {
  target = data.aws_region.current
  values = { id = "ap-southeast-1" }
}

variables {
  name      = "thumbs"
  archives  = { folder = "./tests/fixtures" }
  reconcile = { schedule = "rate(1 day)" }
  events    = {}
  changes   = { archive = {} }
  jobs      = {}
  api       = { sign_in = {}, page = {} }
  devices   = { provisioning = {}, role_alias = true }
  cdn       = {}
  tracing   = { sampling = { service_name = "uploader", rate = 0.1 } }
  chat_channels = {
    slack = { on-call = { workspace_id = "T07EA123LEP", channel_id = "C07EZ1ABC23" } }
    teams = { a-channel-of-32-characters-01234 = { tenant_id = "t", team_id = "g", channel_id = "c" } }
  }
  alert_subscriptions = {
    pager = { protocol = "lambda", endpoint = "arn:aws:lambda:ap-southeast-1:123456789012:function:pager" }
  }
}

run "one" {
  assert {
    condition     = output.source_bucket == "thumbs-uploads-123456789012-ap-southeast-1" && output.dashboard_name == "thumbs"
    error_message = "Names that fit must be left as they are."
  }
}

run "another" {
  variables {
    name = "thumbs-too"
  }

  assert {
    condition     = output.source_bucket == "thumbs-too-uploads-123456789012-ap-southeast-1" && output.dashboard_name == "thumbs-too"
    error_message = "Names that fit must be left as they are."
  }
}

run "elsewhere" {
  override_data {
    target = data.aws_region.current
    values = { id = "eu-west-1" }
  }

  variables {
    regional_roles = true
  }

  assert {
    condition     = output.function_role_name == "thumbs-thumbnailer-eu-west-1" && output.function_name == "thumbs-thumbnailer"
    error_message = "The region must be in the name of the role, and not in the function's."
  }
}

run "longest" {
  variables {
    name = "a-name-that-is-of-just-forty-characters0"
    jobs = { inventories = [{ bucket = "lists", prefix = "${join("", [for character in range(284) : "p"])}/" }] }
  }

  assert {
    condition     = output.source_bucket == "a-name-that-is-of-just-forty-characters0-uploads-1234567-${substr(sha256("${var.name}-uploads-123456789012-ap-southeast-1"), 0, 6)}"
    error_message = "A bucket's name must end in six digits of the hash of what it would be in full."
  }

  assert {
    condition     = length(output.source_bucket) == 63 && length(output.thumbnails_bucket) == 63 && output.source_bucket != output.thumbnails_bucket
    error_message = "A bucket's name may have 63 characters."
  }

  assert {
    condition     = output.function_name == "${var.name}-thumbnailer"
    error_message = "What fits must be left as it is, however long the name."
  }

  # https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
  assert {
    condition     = length(aws_ssm_parameter.tools.insecure_value) <= 8192
    error_message = "What tools have to know may have 8192 characters with everything on, and has ${length(aws_ssm_parameter.tools.insecure_value)}."
  }
}

run "longest_but_one_letter" {
  variables {
    name = "a-name-that-is-of-just-forty-characters1"
  }

  assert {
    condition     = output.source_bucket != "a-name-that-is-of-just-forty-characters0-uploads-1234567-${substr(sha256("a-name-that-is-of-just-forty-characters0-uploads-123456789012-ap-southeast-1"), 0, 6)}"
    error_message = "Long names that differ must stay different."
  }
}
