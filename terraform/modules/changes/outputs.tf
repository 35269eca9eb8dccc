output "stream" {
  description = "The stream: its name, its ARN, and the key that it is encrypted with, null where it is not."
  value       = { name = local.stream_name, arn = local.stream_arn, kms_key_arn = local.stream_kms_key_arn }
}

output "archive" {
  description = "The archive: its bucket, Firehose's stream, role and log group, the database and the table of Glue, and the workgroup of Athena; null where there is none."
  value = one([
    for key in keys(local.on) : {
      bucket_name    = module.bucket[key].name
      delivery_name  = aws_kinesis_firehose_delivery_stream.this[key].name
      role_name      = aws_iam_role.delivery[key].name
      log_group_name = aws_cloudwatch_log_group.delivery[key].name
      database_name  = aws_glue_catalog_database.this[key].name
      table_name     = aws_glue_catalog_table.events[key].name
      workgroup_name = aws_athena_workgroup.this[key].name
    }
  ])
}

output "role" {
  description = "Firehose's role: who may become it, and its policies by name; null without an archive."
  value = one([
    for role in aws_iam_role.delivery : {
      name       = role.name
      assumed_by = role.assume_role_policy
      policies   = { for name, policy in aws_iam_role_policy.delivery : name => policy.policy }
    }
  ])
}

output "saved_query_names" {
  description = "Names of the saved queries of Athena."
  value       = keys(aws_athena_named_query.this)
}
