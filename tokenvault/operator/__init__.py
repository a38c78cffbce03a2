"""tokenvault on Kubernetes: an object `TokenVault` is one spec on one tenant.

`reconciler` is plain Python and knows no cluster; `run` puts it beneath kopf. Needs the extra `auth0-tokenvault[operator]`.
"""
