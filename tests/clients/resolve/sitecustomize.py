"""Names below .test lead to this machine, as a line in the hosts file would make them; loaded by Python at its start."""

import socket

_getaddrinfo = socket.getaddrinfo


def _resolve(host, *arguments, **options):  # type: ignore[no-untyped-def]
    name = host.decode() if isinstance(host, bytes) else host
    return _getaddrinfo("127.0.0.1" if name and name.endswith(".test") else host, *arguments, **options)


socket.getaddrinfo = _resolve
