# Where things have been in earlier releases: what was applied by them is found, and not made anew.
# https://developer.hashicorp.com/terraform/language/modules/develop/refactoring

# Since 0.1.0

moved {
  from = module.thumbnails.module.bucket["on"]
  to   = module.thumbnails_bucket["on"]
}

moved {
  from = module.thumbnailer.aws_lambda_layer_version.imaging
  to   = aws_lambda_layer_version.imaging["on"]
}

moved {
  from = module.thumbnailer.aws_lambda_function.this
  to   = module.thumbnailer.module.function.aws_lambda_function.this
}

moved {
  from = module.thumbnailer.aws_cloudwatch_log_group.this
  to   = module.thumbnailer.module.function.aws_cloudwatch_log_group.this
}

moved {
  from = module.thumbnailer.aws_iam_role.this
  to   = module.thumbnailer.module.function.aws_iam_role.this
}

moved {
  from = module.thumbnailer.aws_iam_role_policy.capability
  to   = module.thumbnailer.module.function.aws_iam_role_policy.capability
}

moved {
  from = module.thumbnailer.aws_iam_role_policy.network
  to   = module.thumbnailer.module.function.aws_iam_role_policy.network
}

moved {
  from = module.reconciler["on"].aws_lambda_function.this
  to   = module.reconciler["on"].module.function.aws_lambda_function.this
}

moved {
  from = module.reconciler["on"].aws_cloudwatch_log_group.this
  to   = module.reconciler["on"].module.function.aws_cloudwatch_log_group.this
}

moved {
  from = module.reconciler["on"].aws_iam_role.this
  to   = module.reconciler["on"].module.function.aws_iam_role.this
}

moved {
  from = module.reconciler["on"].aws_iam_role_policy.capability
  to   = module.reconciler["on"].module.function.aws_iam_role_policy.capability
}

moved {
  from = module.reconciler["on"].aws_iam_role_policy.network
  to   = module.reconciler["on"].module.function.aws_iam_role_policy.network
}
