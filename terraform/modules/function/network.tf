# Lambda connects a function to a VPC with the rights of the function's own role. None of these actions can be narrowed
# down to one interface: what they are used on does not exist yet, or is looked for. But the function's code has no use
# for them, and is denied them.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice
resource "aws_iam_role_policy" "network" {
  for_each = toset(var.vpc == null ? [] : ["on"])

  name = "network"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = local.network_actions
        Resource = "*"
      },
      {
        Effect    = "Deny"
        Action    = local.network_actions
        Resource  = "*"
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
      },
    ]
  })
}

locals {
  # Put together, because the function is made after its role.
  function_arn = "arn:${var.aws.partition}:lambda:${var.aws.region}:${var.aws.account_id}:function:${var.name}"

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
  network_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]
}
