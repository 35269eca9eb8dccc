"""The function that works on bulk jobs, a range of keys at a time."""
