# One customer-managed key for everything at rest. Services that act for us without our credentials cannot use an
# AWS-managed key: S3 could not send to the queue, and alarms would turn red without anybody hearing of it.

locals {
  made    = toset(var.modes.key == "create" || var.modes.made_key == "keep" ? ["on"] : [])
  key_arn = var.modes.key == "create" ? one(values(aws_kms_key.this)[*].arn) : var.existing_key_arn
}

# What the key was when the deployment was made: else nothing would tell that there is one to be lost. See outputs.tf.
resource "terraform_data" "first" {
  input = var.modes.key

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_kms_key" "this" {
  for_each = local.made

  description             = "Encrypts everything that ${var.name} stores"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  tags                    = var.tags
}

resource "aws_kms_alias" "this" {
  for_each = local.made

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this[each.key].key_id
}

# Apart from the key, so that what only encrypts with it need not wait until the grants to services are in force.
resource "aws_kms_key_policy" "this" {
  for_each = local.made

  key_id = aws_kms_key.this[each.key].key_id
  policy = local.made_policy
}
