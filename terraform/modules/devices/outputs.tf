output "functions" {
  description = "The functions by what they do, asks, status and admission, of which the last is there with provisioning: name, ARN, role and role's name, log group's name, environment and the hash of its archive."
  value       = merge({ asks = module.asks, status = module.status }, { for admission in module.admission : "admission" => admission })
}

output "endpoint" {
  description = "Where devices connect to: the account's own host in the region."
  value       = data.aws_iot_endpoint.data.endpoint_address
}

output "thing_type" {
  description = "Name of the type of the things."
  value       = aws_iot_thing_type.this.name
}

output "policy_name" {
  description = "Name of the policy of devices' certificates."
  value       = aws_iot_policy.thing.name
}

output "policies" {
  description = "What a device may do, and what a claim, for checks that this is all."
  value       = merge({ thing = aws_iot_policy.thing.policy }, { for policy in aws_iot_policy.claim : "claim" => policy.policy })
}

output "rule_name" {
  description = "Name of the topic rule, which its metrics go by."
  value       = aws_iot_topic_rule.requests.name
}

output "errors" {
  description = "The queue of what came to nothing: url, name and ARN."
  value       = { url = aws_sqs_queue.errors.url, name = var.names.errors, arn = local.errors_arn }
}

output "asks_table_name" {
  description = "Name of the table of what devices asked for."
  value       = module.asks_table.table_name
}

output "asks_table_arn" {
  description = "ARN of the table of what devices asked for."
  value       = module.asks_table.table_arn
}

output "provisioning" {
  description = "Of fleet provisioning the name of the template and of the policy for claims; null without."
  value       = one([for key, template in aws_iot_provisioning_template.this : { template_name = template.name, claim_policy_name = aws_iot_policy.claim[key].name }])
}

output "role_alias" {
  description = "The role alias, and the host that gives out credentials for it; null without."
  value       = one([for key, alias in aws_iot_role_alias.this : { name = alias.alias, endpoint = data.aws_iot_endpoint.credentials[key].endpoint_address }])
}

output "roles" {
  description = "What else acts in our name, by whom it is: who may be it, and by the names of its policies what it may do then, for checks that this is all."
  value = merge(
    { rule = { trust = aws_iam_role.rule.assume_role_policy, policies = { (aws_iam_role_policy.rule.name) = aws_iam_role_policy.rule.policy } } },
    { for key, role in aws_iam_role.provisioning : "provisioning" => { trust = role.assume_role_policy, policies = { (aws_iam_role_policy.provisioning[key].name) = aws_iam_role_policy.provisioning[key].policy } } },
    { for key, role in aws_iam_role.device : "device" => { trust = role.assume_role_policy, policies = { (aws_iam_role_policy.device[key].name) = aws_iam_role_policy.device[key].policy } } },
  )
}
