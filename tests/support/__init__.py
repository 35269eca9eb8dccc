"""What several suites share: messages as AWS writes them, pictures, and a pipeline over moto."""
