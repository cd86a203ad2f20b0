"""Terraform as data, for the tests beside."""
