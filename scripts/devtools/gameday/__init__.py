"""Game days: the local stack is broken in a known way, and whoever plays has only what people on call have."""
