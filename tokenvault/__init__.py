"""Terraform for Auth0 Token Vault, without the state file."""

__version__ = "0.1.0"
