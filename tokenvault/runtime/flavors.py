"""The built-in flavors at run time. A new flavor brings its own `Runtime` in its own file."""

from __future__ import annotations

from tokenvault.runtime import Runtime
from tokenvault.runtime.apis import SERVING
from tokenvault.runtime.clients import CONNECTING, REFRESHING
from tokenvault.runtime.connections import CONNECTION
from tokenvault.runtime.my_account import MFA_POLICY, MY_ACCOUNT
from tokenvault.runtime.request import ACCESS_TOKEN, REFRESH_TOKEN, WORKER
from tokenvault.runtime.sightings import connecting, refreshing, serving, working
from tokenvault.runtime.workers import WORKING

CONNECTED_ACCOUNTS = Runtime(preconditions=(*CONNECTING, *MY_ACCOUNT, *CONNECTION, MFA_POLICY), sightings=connecting)
REFRESH_TOKEN_EXCHANGE = Runtime(preconditions=REFRESHING, sightings=refreshing, exchange=REFRESH_TOKEN)
ACCESS_TOKEN_EXCHANGE = Runtime(preconditions=SERVING, sightings=serving, exchange=ACCESS_TOKEN)
PRIVILEGED_WORKER = Runtime(preconditions=(*WORKING, *CONNECTION, MFA_POLICY), sightings=working, exchange=WORKER)
