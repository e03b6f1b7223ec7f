"""Free TCP ports."""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"
HIGHEST = 65535
# Below the range from which systems take the ports of outgoing connections, so that nobody's
# client sits on our port while a server of ours restarts.
ANY = range(20000, 32000)


class NoFreePortError(Exception):
    """No port can be had; the text says why."""


def free_port(preferred: int | None, host: str = LOOPBACK) -> int:
    """The preferred port if it is free, else the next free one above it; any when None.

    Another process may take it before you do: whoever starts a server must be ready to ask again.
    Raises NoFreePortError.
    """
    if preferred is not None:
        candidates = iter(range(preferred, HIGHEST + 1))
    else:
        candidates = iter(random.sample(ANY, len(ANY)))
    for port in candidates:
        if is_free(port, host):
            return port
    raise NoFreePortError(f"No TCP port is free on {host} from {preferred or ANY.start} upwards.")


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Raises NoFreePortError when it is not busy, yet can't be had (no such address, no right)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # Connections of a server that has just ended do not keep its port from the next one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise NoFreePortError(f"Port {port} on {host} can't be used: {error.strerror}.") from error
        return True
