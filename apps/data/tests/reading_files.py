"""Files to read in tests."""

from io import BytesIO
from typing import Any

from apps.data.formats import FORMATS
from apps.data.formats.format import BadRow, Options, Row


def items(content: str | bytes, name: str = "csv", lines_done: int = 0, **options: Any) -> list[Row | BadRow]:
    stream = BytesIO(content.encode() if isinstance(content, str) else content)
    return list(FORMATS[name](stream, Options(**options), lines_done))


def values(content: str | bytes, name: str = "csv", **options: Any) -> list[dict[str, Any]]:
    """The rows; a bad one fails the test."""
    found = items(content, name, **options)
    assert [item for item in found if isinstance(item, BadRow)] == []
    return [item.values for item in found if isinstance(item, Row)]


def bad(content: str | bytes, name: str = "csv", **options: Any) -> BadRow:
    """The one bad row."""
    (found,) = [item for item in items(content, name, **options) if isinstance(item, BadRow)]
    return found
