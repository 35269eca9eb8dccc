"""Writes the tables of inputs and outputs of the Terraform module into its README."""
