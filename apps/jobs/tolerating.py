"""Messages whose properties py-amqp can't decode, which RabbitMQ takes all the same.

An error in decoding them ends the connection, and with it the worker, again and again. So such a message is
taken as one that has no properties but these bytes, and goes the way of all that can't be read.
"""

import struct
from typing import Any

from amqp import serialization
from amqp.exceptions import FrameSyntaxError
from amqp.spec import Basic

UNREADABLE_TYPE = "application/x-unreadable"
UNREADABLE_HEADER = "unreadable_properties"
# Text that isn't UTF-8, times no clock has, tables nested deeper than Python's stack, tables cut short.
WRONG = (
    ValueError, LookupError, ArithmeticError, TypeError, OSError, RecursionError,
    struct.error, FrameSyntaxError,
)  # fmt: skip


def decode(data: Any, offset: int) -> tuple[dict[str, Any], int]:
    """In place of py-amqp's `decode_properties_basic`."""
    try:
        found, end = serialization.decode_properties_basic(data, offset)
    except WRONG:
        headers = {UNREADABLE_HEADER: bytes(data[offset:])}
        return {"content_type": UNREADABLE_TYPE, "application_headers": headers}, len(data)
    return found, end


decoders: Any = serialization.PROPERTY_CLASSES
decoders[Basic.CLASS_ID] = decode
