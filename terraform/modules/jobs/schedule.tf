# When a reconciliation is begun without anybody's command.

module "schedule" {
  source   = "../schedule"
  for_each = { for each in [var.reconcile] : "on" => each if try(each.schedule, null) != null }

  names        = { schedule = module.function.name, group = var.names.schedule_group, role = var.names.schedule_role }
  description  = "Begins a job that compares both buckets with the catalog, unless one is open."
  expression   = each.value.schedule
  function_arn = module.function.arn
  aws          = var.aws
  tags         = var.tags

  # An invocation that is repeated is about the same moment, and begins no second job.
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
  input = "{\"begin\":\"reconcile\",\"at\":\"<aws.scheduler.scheduled-time>\"}"

  permissions_boundary_arn = var.function.permissions_boundary_arn

  # One that begins before the function may do anything begins with a failure.
  depends_on = [module.function]
}
