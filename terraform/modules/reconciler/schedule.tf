# When the function runs.

module "schedule" {
  source = "../schedule"

  names        = { schedule = module.function.name, group = var.names.schedule_group, role = var.names.schedule_role }
  description  = "Has the reconciler go on with its pass, or begin a new one."
  expression   = var.schedule
  function_arn = module.function.arn
  aws          = var.aws
  tags         = var.tags

  permissions_boundary_arn = var.function.permissions_boundary_arn

  # One that begins before the function may do anything begins with a failure.
  depends_on = [module.function]
}

moved {
  from = aws_scheduler_schedule_group.this
  to   = module.schedule.aws_scheduler_schedule_group.this
}

moved {
  from = aws_scheduler_schedule.this
  to   = module.schedule.aws_scheduler_schedule.this
}

moved {
  from = aws_iam_role.schedule
  to   = module.schedule.aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.invoke
  to   = module.schedule.aws_iam_role_policy.invoke
}
