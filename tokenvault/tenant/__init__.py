"""The tenant: the one place that talks to Auth0. Import what you need from its modules; they are slow to load."""
