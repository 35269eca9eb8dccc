"""The delivery guarantees over a model of S3, SQS and DynamoDB: every order, crash and lost answer."""
