"""Bulk jobs that run in the account: what is asked, the ranges of keys that they are cut into, and what bounds them."""
