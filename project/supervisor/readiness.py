"""Whether a page or a port answers."""

import http.client
import socket

ANSWER_SECONDS = 2
# Whatever else it says, such as "not to this host name" or "use https", the site is at work.
BROKEN = 500


def page_answers(host: str, port: int, path: str) -> bool:
    link = http.client.HTTPConnection(host.strip("[]"), port, timeout=ANSWER_SECONDS)
    try:
        link.request("GET", path)
        return link.getresponse().status < BROKEN
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def port_answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host.strip("[]"), port), ANSWER_SECONDS):
            return True
    except OSError:
        return False
