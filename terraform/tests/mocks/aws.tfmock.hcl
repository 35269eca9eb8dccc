# What AWS would answer, as far as the module looks at it. Everything else is made up by Terraform.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}

mock_data "aws_region" {
  defaults = { id = "eu-central-1" }
}

mock_data "aws_iot_endpoint" {
  defaults = { endpoint_address = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com" }
}

mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/thumbs-thumbnailer" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:thumbs-alerts" }
}

mock_resource "aws_dynamodb_table" {
  defaults = {
    arn        = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog"
    stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/thumbs-catalog/stream/2026-01-01T00:00:00.000"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn           = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer"
    qualified_arn = "arn:aws:lambda:eu-central-1:123456789012:function:thumbs-thumbnailer:1"
  }
}

mock_resource "aws_cloudwatch_event_bus" {
  defaults = { arn = "arn:aws:events:eu-central-1:123456789012:event-bus/thumbs" }
}

mock_resource "aws_lambda_layer_version" {
  defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:layer:thumbs-imaging:1" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/thumbs-thumbnailer" }
}

mock_resource "aws_kinesis_stream" {
  defaults = { arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/thumbs-changes" }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = {
    id            = "a1b2c3d4e5"
    api_endpoint  = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5"
  }
}

mock_resource "aws_cloudfront_distribution" {
  defaults = {
    arn         = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD632BHDS5"
    domain_name = "d111111abcdef8.cloudfront.net"
  }
}

mock_resource "aws_cognito_user_pool" {
  defaults = { id = "eu-central-1_AbCdEfGhI" }
}

mock_resource "aws_cognito_user_pool_client" {
  defaults = { id = "3n4b5urk1ft4fl3mg5e62d9ado" }
}
