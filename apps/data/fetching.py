"""One file from another site: public addresses only, and bounded in size and time."""

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from django.conf import settings
from django.utils.translation import gettext as _

from apps.jobs.errors import PermanentError, TemporaryError
from apps.jobs.progress import progress
from apps.outbound.guarding import guarded_client

if TYPE_CHECKING:
    import httpx

DEADLINE_SECONDS = 180  # under the soft time limit of a job
READ_TIMEOUT_SECONDS = 10
CHUNK_BYTES = 64 * 1024
RETRY_AFTER_MAX_SECONDS = 3600
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
# Nothing compressed: a small answer could inflate without end.
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "Switchyard"}


@dataclass(frozen=True)
class Fetched:
    """What came. `changed` is False when the site said that its file is still the same."""

    name: str
    etag: str = ""
    last_modified: str = ""
    changed: bool = True


def fetch(url: str, into: BinaryIO, etag: str = "", last_modified: str = "") -> Fetched:
    """Writes the file at `url`, unless it is the one that `etag` or `last_modified` names.

    Raises ForbiddenAddress and PermanentError (trying again won't help), else TemporaryError.
    """
    import httpx  # 90 ms that most processes never need

    known = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    client = guarded_client(
        settings.SYNC_ALLOWED_HOSTS,
        deadline_seconds=DEADLINE_SECONDS,
        timeout=READ_TIMEOUT_SECONDS,
        follow_redirects=True,
        headers=HEADERS | {name: value for name, value in known.items() if value},
    )
    try:
        with client, client.stream("GET", url) as response:
            return take(response, into)
    except (httpx.TooManyRedirects, httpx.UnsupportedProtocol) as error:
        raise PermanentError(f"{url}: {error}") from error
    except httpx.TransportError as error:
        raise TemporaryError(f"{url}: {str(error) or type(error).__name__}") from error


def take(response: "httpx.Response", into: BinaryIO) -> Fetched:
    name = PurePosixPath(response.url.path).name or "download"
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return Fetched(name, changed=False)
    if response.status_code != HTTPStatus.OK:
        refuse(response)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise PermanentError(_("%s sent a compressed answer that nobody asked for") % response.url)
    size, total = 0, response.headers.get("Content-Length", "")
    for chunk in response.iter_raw(CHUNK_BYTES):
        size += len(chunk)
        if size > settings.IMPORT_MAX_BYTES:
            raise PermanentError(_("%s is larger than an import may be") % response.url)
        into.write(chunk)
        progress(size, int(total) if total.isdecimal() else 0, _("bytes fetched"))
    into.flush()
    headers = response.headers
    return Fetched(name, headers.get("ETag", "")[:500], headers.get("Last-Modified", "")[:100])


def refuse(response: "httpx.Response") -> NoReturn:
    text = _("%s answered %d") % (response.url, response.status_code)
    if response.status_code not in TRY_AGAIN:
        raise PermanentError(text)
    after = response.headers.get("Retry-After", "")
    seconds = min(int(after), RETRY_AFTER_MAX_SECONDS) if after.isdecimal() else None
    raise TemporaryError(text, retry_after_seconds=seconds)
