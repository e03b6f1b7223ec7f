"""A web site to fetch from."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def served(reply: Reply) -> Iterator[str]:
    """Answers every GET with `reply`; yields the URL of a file there."""
    handler = type("Handler", (BaseHTTPRequestHandler,), {"do_GET": reply, "log_message": silent})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/files/people.csv"
        server.shutdown()


def silent(*_: Any) -> None:
    """The server's log lines are no part of the test's output."""


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Reply:
    """Header names with _ for -."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return reply
