# List prices in US dollars, without free tiers and steps for volume. scripts/costs counts with the same, and a test holds
# both together.

locals {
  prices = {
    date   = "2026-11-24"
    region = "us-east-1"

    # https://aws.amazon.com/lambda/pricing/
    lambda_gb_second = { arm64 = 0.0000133334, x86_64 = 0.0000166667 }
    lambda_million   = 0.20
    # https://aws.amazon.com/s3/pricing/
    s3_thousand_puts = 0.005
    s3_thousand_gets = 0.0004
    # https://aws.amazon.com/dynamodb/pricing/on-demand/
    dynamodb_million_writes = 0.625
    dynamodb_million_reads  = 0.125
    # https://aws.amazon.com/sqs/pricing/
    sqs_million = 0.40
    # https://aws.amazon.com/cloudwatch/pricing/
    logs_gb = 0.50
  }

  # What each service costs in a period, over the metrics of these names on the dashboard.
  costs = {
    lambda = join(" + ", [
      "FILL(duration, 0) / 1000 * ${var.function.memory_mb} / 1024 * ${local.prices.lambda_gb_second[var.function.architecture]}",
      "FILL(invocations, 0) / 1000000 * ${local.prices.lambda_million}",
    ])
    s3 = join(" + ", [
      "FILL(ready, 0) * ${var.function.renditions} / 1000 * ${local.prices.s3_thousand_puts}",
      "(FILL(ready, 0) + FILL(failed, 0)) / 1000 * ${local.prices.s3_thousand_gets}",
    ])
    dynamodb = join(" + ", [
      "(FILL(writes, 0) + FILL(index_writes, 0)) / 1000000 * ${local.prices.dynamodb_million_writes}",
      "FILL(reads, 0) / 1000000 * ${local.prices.dynamodb_million_reads}",
    ])
    sqs  = "(${join(" + ", [for id in keys(local.requests) : "FILL(${id}, 0)"])}) / 1000000 * ${local.prices.sqs_million}"
    logs = "FILL(bytes, 0) / 1073741824 * ${local.prices.logs_gb}"
  }
}
