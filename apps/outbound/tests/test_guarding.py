"""What the guarded client reaches, and what it refuses to."""

import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from apps.jobs.errors import PermanentError
from apps.outbound import guarding
from apps.outbound.guarding import ForbiddenAddress, check_url, guarded_client
from tests.sites import Reply, answer, served

REFUSED = [
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)",
    "data:text/plain,x", "//example.com/", "example.com", "", "http://", "http:///path",
    "http://user:pass@example.com/", "http://user@example.com/", "http://example.com:22/",
    "http://example.com:25/", "http://example.com:6379/", "http://example.com:5672/",
    "http://localhost/", "http://LOCALHOST./", "http://api.localhost/", "http://127.0.0.1/",
    "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://0.0.0.0/",
    "http://0/", "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/",
    "http://100.64.0.1/", "http://169.254.169.254/latest/meta-data/", "http://168.63.129.16/",
    "http://192.88.99.1/", "http://224.0.0.1/", "http://255.255.255.255/", "http://198.18.0.1/",
    "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:8.8.8.8]/",
    "http://[::7f00:1]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/",
    "http://[fec0::1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::808:808]/",
    "http://[2002:7f00:1::]/", "http://[ff02::1]/", "http://[2001:db8::1]/",
    "http://example.com/a b", "http://example.com/\r\nX: y", "http://example.com\\@127.0.0.1/",
    "http://example.com/" + "a" * 2100, "http://example.com:99999/", "http://[::1/",
]  # fmt: skip
TAKEN = [
    "http://example.com/", "https://example.com/file.csv?x=1", "https://example.com:8443/",
    "http://8.8.8.8/", "http://[2606:4700:4700::1111]/", "https://xn--mnchen-3ya.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_leads_inside_is_refused_at_the_door(url: str) -> None:
    with pytest.raises(ForbiddenAddress) as error:
        check_url(url)
    assert isinstance(error.value, PermanentError)
    assert str(error.value)


@pytest.mark.parametrize("url", TAKEN)
def test_a_public_url_passes_the_door(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://localhost:9000/", "localhost"),
        ("http://127.0.0.1:9000/", "127.0.0.1"),
        ("http://INTRANET.example.:22/", "intranet.example"),
        ("http://intranet:9000/", "intranet:9000"),
        ("http://[::1]:9000/", "[::1]:9000"),
    ],
)
def test_an_allowed_host_passes_whatever_its_port(url: str, allowed: str) -> None:
    check_url(url, [allowed])


def test_an_allowed_host_and_port_does_not_allow_other_ports() -> None:
    with pytest.raises(ForbiddenAddress, match="ports"):
        check_url("http://intranet:22/", ["intranet:9000"])


def test_an_allowed_host_may_still_not_be_reached_by_other_schemes() -> None:
    with pytest.raises(ForbiddenAddress, match="http"):
        check_url("file://localhost/etc/passwd", ["localhost"])


def test_the_client_fetches_from_an_allowed_host() -> None:
    with served(answer(b"hello")) as url, guarded_client(["127.0.0.1"]) as client:
        assert client.get(url).text == "hello"


def test_the_client_refuses_this_machine() -> None:
    with served(answer(b"secret")) as url:
        refuse(guarded_client(), url, ForbiddenAddress)


def test_a_name_is_refused_when_one_of_its_addresses_is_private(
    names: Callable[..., list[str]],
) -> None:
    names("8.8.8.8", "10.0.0.1")
    with guarded_client() as client, pytest.raises(ForbiddenAddress, match=r"10\.0\.0\.1"):
        client.get("http://mixed.example/")


def test_a_name_server_that_changes_its_answer_gains_nothing(
    names: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names("8.8.8.8", then="127.0.0.1")
    dialed: list[str] = []

    def dial(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        dialed.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", dial)
    with guarded_client() as client, pytest.raises(httpx.ConnectError):
        client.get("http://rebinding.example/")
    assert (dialed, asked) == (["8.8.8.8"], ["rebinding.example"])


def test_a_name_without_address_is_a_connection_error() -> None:
    with guarded_client() as client, pytest.raises(httpx.ConnectError, match="not found"):
        client.get("http://nowhere.invalid/")


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/", "http://localhost:6379/", "file:///etc/passwd"]
)
def test_a_redirect_inside_is_refused(target: str) -> None:
    with served(redirect(target)) as url:
        client = guarded_client(["127.0.0.1"], follow_redirects=True)
        refuse(client, url, ForbiddenAddress)


def test_redirects_are_followed_only_when_asked_for() -> None:
    with served(redirect("http://169.254.169.254/")) as url, guarded_client(["127.0.0.1"]) as client:
        assert client.get(url).status_code == 302


def test_the_fourth_redirect_is_one_too_many() -> None:
    with served(redirect("/again")) as url:
        client = guarded_client(["127.0.0.1"], follow_redirects=True)
        refuse(client, url, httpx.TooManyRedirects)


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with served(answer(b"direct")) as url, guarded_client(["127.0.0.1"]) as client:
        assert client.get(url).text == "direct"


@pytest.mark.parametrize("option", ["transport", "proxy", "mounts", "trust_env"])
def test_the_guard_can_not_be_taken_out(option: str) -> None:
    with pytest.raises(TypeError, match=option):
        guarded_client([], **{option: None})


def test_a_server_that_drips_is_cut_off_at_the_deadline() -> None:
    with served(drip) as url:
        started = time.monotonic()
        client = guarded_client(["127.0.0.1"], deadline_seconds=0.5)
        refuse(client, url, httpx.TimeoutException)
        assert time.monotonic() - started < 3


def test_tls_is_asked_for_by_name_while_the_address_is_dialed(
    names: Callable[..., list[str]],
) -> None:
    names("127.0.0.1")
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hear, args=(listener, heard), daemon=True).start()
        with guarded_client(["shop.example"]) as client, pytest.raises(httpx.TransportError):
            client.get(f"https://shop.example:{listener.getsockname()[1]}/")
    assert b"shop.example" in heard[0]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`names("8.8.8.8", then="127.0.0.1")` sets what every name resolves to, first and afterwards."""
    asked = list[str]()

    def answers(*first: str, then: str | None = None) -> list[str]:
        def lookup(host: str, port: int, flags: int) -> list[Any]:
            if flags:
                raise socket.gaierror(-2, "not a literal")
            asked.append(host)
            given = first if len(asked) == 1 or then is None else (then,)
            return [ip_address(each) for each in given]

        monkeypatch.setattr(guarding, "lookup", lookup)
        return asked

    return answers


def refuse(client: httpx.Client, url: str, error: type[Exception]) -> None:
    with client, pytest.raises(error):
        client.get(url)


def redirect(target: str) -> Reply:
    return answer(status=302, Location=target)


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    stopped = threading.Event()
    try:
        while not stopped.wait(0.05):
            request.wfile.write(b"x")
    except OSError:
        stopped.set()


def hear(listener: socket.socket, heard: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection:
        heard.append(connection.recv(65536))
