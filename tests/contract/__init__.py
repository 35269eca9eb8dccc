"""One suite for every S3 and DynamoDB that the tests run over."""
