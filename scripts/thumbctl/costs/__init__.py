"""What the pipeline costs: AWS's prices, what the benches measured, and the arithmetic between them."""
