"""What is done about one user of the API."""
