"""The edge of the local stack: what CloudFront does on AWS."""
