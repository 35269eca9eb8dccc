"""Builds the two archives that Lambda runs: the functions and the imaging layer.

Both are built outside Terraform and byte for byte reproducible, so that a plan shows a change
exactly when the code or a pinned requirement changed.
"""
