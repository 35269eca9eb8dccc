"""A storm over a local stack: everything that can go wrong goes wrong at once, and then every key must be right."""
