"""Bulk work on a deployment: imports, backfills and what they need to be bounded, resumable and complete."""
