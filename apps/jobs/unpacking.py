"""Taking compressed messages apart within bounds: a few kilobytes can hold gigabytes.

Known to kombu under its own names in place of its unbounded decoders (https://docs.celeryq.dev/projects/kombu,
"kombu.compression"). A worker unpacks a message before anything else looks at it.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from kombu import compression

UNPACKED_MAX_BYTES = 16 * 1024 * 1024  # what RabbitMQ 4 takes of a message that isn't compressed


class TooLarge(ValueError):
    """More than UNPACKED_MAX_BYTES once unpacked."""


def bound_decoders() -> None:
    """Every compression that kombu knows is bounded by this, or is no longer taken."""
    for name in compression.encoders():
        decoder = DECODERS.get(name, refuse)
        encoder: Any = compression.get_encoder(name)
        compression.register(encoder[0], decoder, name)


def unpack(data: bytes, name: str) -> bytes:
    """Raises ValueError when it can't be done, TooLarge when it would be too much."""
    try:
        return bytes(compression.decompress(data, name))
    except KeyError:
        raise ValueError(f"unknown compression {name!r}") from None
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise ValueError(f"broken {name}: {error}") from error


def refuse(data: bytes) -> bytes:
    raise ValueError("this compression is not taken: it can't be unpacked within bounds")


def gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(data, UNPACKED_MAX_BYTES)
    return whole(found, ended=unpacker.eof)


def bunzip(data: bytes) -> bytes:
    unpacker = bz2.BZ2Decompressor()
    found = unpacker.decompress(data, UNPACKED_MAX_BYTES)
    return whole(found, ended=unpacker.eof)


def unlzma(data: bytes) -> bytes:
    unpacker = lzma.LZMADecompressor(memlimit=8 * UNPACKED_MAX_BYTES)
    found = unpacker.decompress(data, UNPACKED_MAX_BYTES)
    return whole(found, ended=unpacker.eof)


def whole(found: bytes, *, ended: bool) -> bytes:
    if ended:
        return found
    if len(found) >= UNPACKED_MAX_BYTES:
        raise TooLarge(f"more than {UNPACKED_MAX_BYTES} bytes when unpacked")
    raise EOFError("it ends too early")


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": gunzip,
    "application/x-bz2": bunzip,
    "application/x-lzma": unlzma,
}

bound_decoders()
