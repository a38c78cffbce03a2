"""Requests are the currency: no more of them than it takes, no faster than Auth0 lets them through."""
