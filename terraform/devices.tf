# The door for devices: how cameras upload by themselves and hear what became of it, without credentials of AWS.

locals {
  device_door      = { for devices in [var.devices] : "on" => devices if devices != null }
  device_functions = var.devices == null ? [] : concat(["device_asks", "device_status"], var.devices.provisioning == null ? [] : ["device_admission"])
  things_prefix    = "${var.source_prefix}things/"

  # Keys as the door makes them: the thing's name, and the device's own id; see functions/thumbnail_pipeline/things.py.
  keys_of_things = ["${local.things_prefix}cam-1/0001", "${local.things_prefix}cam:2/2026-11-30_07.15.jpg"]

  devices_output = one([
    for devices in module.devices : {
      thing_type            = devices.thing_type
      policy_name           = devices.policy_name
      topic_prefix          = var.devices.topic_prefix
      endpoint              = devices.endpoint
      asks_table_name       = devices.asks_table_name
      function_names        = { for name, function in devices.functions : name => function.name }
      log_group_names       = { for name, function in devices.functions : name => function.log_group_name }
      error_queue_url       = devices.errors.url
      provisioning_template = try(devices.provisioning.template_name, null)
      claim_policy_name     = try(devices.provisioning.claim_policy_name, null)
      role_alias            = devices.role_alias
      limits                = var.devices.limits
      url_minutes           = var.devices.url_minutes
    }
  ])
}

module "devices" {
  source   = "./modules/devices"
  for_each = local.device_door

  functions = { for function in local.device_functions : trimprefix(function, "device_") => local.function_basics[function] }
  aws       = local.aws
  names = {
    thing_type        = local.names["thing_type"]
    policy            = local.names["device_policy"]
    rule              = local.names["device_rule"]
    rule_role         = local.names["device_rule_role"]
    errors            = local.names["device_errors"]
    asks_table        = local.names["device_asks_table"]
    status_rule       = local.names["device_status_rule"]
    template          = local.names["provisioning_template"]
    provisioning_role = local.names["provisioning_role"]
    claim_policy      = local.names["claim_policy"]
    role_alias        = local.names["role_alias"]
    device_role       = local.names["device_role"]
  }
  deployment   = var.name
  topic_prefix = each.value.topic_prefix
  bus_arn      = try(aws_cloudwatch_event_bus.this["on"].arn, local.event_bus_arn)
  uploads      = merge(local.uploads, { kms_key_arn = coalesce(var.uploads_bucket.kms_key_arn, module.encryption.key_arn) })
  source_keys  = var.source_keys
  catalog      = local.catalog

  kms_key_arns         = concat([module.encryption.granted_key_arn], module.encryption.kept_key_arns, var.encryption.former_key_arns)
  limits               = each.value.limits
  url_minutes          = each.value.url_minutes
  reserved_concurrency = each.value.reserved_concurrency
  provisioning         = each.value.provisioning
  role_alias           = each.value.role_alias
  without_tls          = local.without_tls
  log_level            = var.log_level
  tracing              = var.tracing.mode
  tags                 = var.tags
}
