"""HTTP to addresses that people typed: only hosts on the public internet are reached.

A name is resolved once, every address it has must be public, and the checked address is the one
that is dialed, so a name server that changes its answer gains nothing. Redirects pass it again.
"""

import re
import socket
import time
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from apps.jobs.errors import PermanentError

if TYPE_CHECKING:
    import ssl

    import httpx
    from httpcore import NetworkStream

TIMEOUT_SECONDS = 10.0
REDIRECTS_MAX = 3
URL_LENGTH_MAX = 2048
PORTS = frozenset({80, 443, 8080, 8443})
OURS = frozenset({"transport", "proxy", "mounts", "trust_env"})
UNFIT = re.compile(r"[\x00-\x20\x7f\\]")

# Public by their number, yet they lead inside: 6to4's relay, the metadata host of Azure.
REFUSED_V4 = (ip_network("192.88.99.0/24"), ip_network("168.63.129.16/32"))
# Outside of 2000::/3 lie mapped, compatible, NAT64, site-local and multicast addresses; 6to4 is in it.
GLOBAL_V6, REFUSED_V6 = IPv6Network("2000::/3"), (ip_network("2002::/16"), ip_network("3fff::/20"))

Address = IPv4Address | IPv6Address


class ForbiddenAddress(PermanentError):
    """The URL leads to where this site must not go, or is none that it can use."""


def check_url(url: str, allowed_hosts: Collection[str] = ()) -> None:
    """Refuses what can be refused without asking a name server. Raises ForbiddenAddress.

    `allowed_hosts` are names or addresses ("localhost", "intranet:9000") that need not be public.
    """
    import httpx  # 90 ms that most processes never need

    if len(url) > URL_LENGTH_MAX:
        raise ForbiddenAddress(f"expected a URL of at most {URL_LENGTH_MAX} characters")
    if UNFIT.search(url):
        raise ForbiddenAddress("expected a URL without blanks, control characters and backslashes")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ForbiddenAddress(f"expected a URL such as https://example.com/file: {error}") from None
    check_parts(parsed, allowed_hosts)


def guarded_client(
    allowed_hosts: Collection[str] = (),
    *,
    deadline_seconds: float | None = None,
    **options: Any,
) -> "httpx.Client":
    """A client that reaches public addresses and `allowed_hosts` only; `options` are httpx.Client's.

    `deadline_seconds` bounds everything it does, counted from now. Redirects are not followed
    unless asked for, then at most 3. Requests raise ForbiddenAddress, or httpx's TransportError.
    """
    import httpx

    if taken := OURS & options.keys():
        raise TypeError(f"guarded_client decides these itself: {', '.join(sorted(taken))}")
    deadline = Deadline(deadline_seconds)
    transport = GuardedTransport(allowed_hosts, deadline, options.pop("verify", True))
    defaults = {"timeout": TIMEOUT_SECONDS, "max_redirects": REDIRECTS_MAX}
    guarded: Any = transport
    return httpx.Client(transport=guarded, trust_env=False, **{**defaults, **options})


class Deadline:
    """Turns the time limit of one step into what is left of the whole."""

    def __init__(self, seconds: float | None) -> None:
        self.ends = None if seconds is None else time.monotonic() + seconds

    def left(self, timeout: float | None, late: type[Exception]) -> float | None:
        if self.ends is None:
            return timeout
        left = self.ends - time.monotonic()
        if left <= 0:
            raise late("the whole took longer than it may")
        return left if timeout is None else min(timeout, left)


class GuardedTransport:
    """httpx's own transport on a guarded network; has the shape of httpx.BaseTransport."""

    def __init__(
        self, allowed_hosts: Collection[str], deadline: Deadline, verify: "bool | ssl.SSLContext"
    ) -> None:
        import httpcore
        import httpx

        self.allowed_hosts = allowed_hosts
        self.inner = httpx.HTTPTransport(verify=False)  # its own pool is replaced at once
        network: Any = GuardedNetwork(allowed_hosts, deadline)
        # httpx has no argument for it; test_guarding.py fails if the attribute ever moves.
        self.inner._pool = httpcore.ConnectionPool(  # noqa: SLF001
            ssl_context=httpx.create_ssl_context(verify, trust_env=False),
            max_connections=10,
            network_backend=network,
        )

    def handle_request(self, request: "httpx.Request") -> "httpx.Response":
        check_parts(request.url, self.allowed_hosts)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> "GuardedTransport":
        self.inner.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.inner.__exit__(*error)


class GuardedNetwork:
    """Has the shape of httpcore.NetworkBackend: resolves, checks, then dials what it checked."""

    def __init__(self, allowed_hosts: Collection[str], deadline: Deadline) -> None:
        self.allowed_hosts, self.deadline = allowed_hosts, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "LimitedStream":
        import httpcore

        found = addresses(host, port)
        if not is_allowed(host, port, self.allowed_hosts):
            refuse_private(host, found)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in found:
            left = self.deadline.left(timeout, httpcore.ConnectTimeout)
            try:
                stream = httpcore.SyncBackend().connect_tcp(
                    str(address), port, left, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return LimitedStream(stream, self.deadline)
        raise failure

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class LimitedStream:
    """Has the shape of httpcore.NetworkStream; each step gets what is left of the deadline."""

    def __init__(self, stream: "NetworkStream", deadline: Deadline) -> None:
        self.stream, self.deadline = stream, deadline
        self.close: Callable[[], None] = stream.close
        self.get_extra_info = stream.get_extra_info

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        import httpcore

        return self.stream.read(max_bytes, self.deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        import httpcore

        self.stream.write(buffer, self.deadline.left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self,
        ssl_context: "ssl.SSLContext",
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "LimitedStream":
        import httpcore

        left = self.deadline.left(timeout, httpcore.ConnectTimeout)
        secured = self.stream.start_tls(ssl_context, server_hostname, left)
        return LimitedStream(secured, self.deadline)


def check_parts(url: "httpx.URL", allowed_hosts: Collection[str]) -> None:
    if url.scheme not in {"http", "https"}:
        raise ForbiddenAddress(f"expected http:// or https://, got {url.scheme or 'no scheme'!r}")
    if not url.host:
        raise ForbiddenAddress("expected a host in the URL")
    if url.userinfo:
        raise ForbiddenAddress("expected a URL without a user name and password in it")
    host = normal(url.raw_host.decode("ascii"))
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    if is_allowed(host, port, allowed_hosts):
        return
    if port not in PORTS:
        ports = ", ".join(map(str, sorted(PORTS)))
        raise ForbiddenAddress(f"expected one of the ports {ports}, got {port}")
    if host == "localhost" or host.endswith(".localhost"):
        raise ForbiddenAddress(f"{host} is this machine itself; only public addresses are reached")
    refuse_private(host, literal(host))


def is_allowed(host: str, port: int, allowed_hosts: Collection[str]) -> bool:
    names = {normal(name) for name in allowed_hosts}
    return normal(host) in names or f"{normal(host)}:{port}" in names


def normal(host: str) -> str:
    return host.strip().lower().rstrip(".").replace("[", "").replace("]", "")


def refuse_private(host: str, found: Collection[Address]) -> None:
    """One private address among public ones is enough: it may be the one that answers next."""
    for address in found:
        if not is_public(address):
            raise ForbiddenAddress(f"{host} leads to {address}, which is not a public address")


def is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    if address.scope_id is not None or address not in GLOBAL_V6:
        return False
    return not any(address in network for network in REFUSED_V6)


def literal(host: str) -> list[Address]:
    """The address that the host's text is, in any form the system reads (127.1, 0x7f.1); or none."""
    try:
        return lookup(host, 0, socket.AI_NUMERICHOST)
    except OSError:
        return []


def addresses(host: str, port: int) -> list[Address]:
    import httpcore

    try:
        return lookup(host, port, 0)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the host {host} was not found: {error}") from error


def lookup(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))
