# Made before the function is, so that retention and encryption hold from its first line on; the function itself may
# not make log groups. The name is put together here because the key's policy needs it before the group exists.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:The deployer decides, with retention.log_days, up to ten years; the default is short, since logs name the keys of uploads.
  name              = var.logs.group_name
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}
