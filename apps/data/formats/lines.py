"""Lines of a text file, decoded strictly, with bounded memory."""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.data.formats.format import BadFile, BadRow, Options, Row

ENCODINGS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "latin-1", "gb18030": "gb18030"}
BLOCK_BYTES = 256 * 1024
LINE_MAX_CHARACTERS = 8 * 1024 * 1024
# Not str.splitlines, which also splits at U+2028, form feeds and others that belong to the text.
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class Lines:
    """Iterates over the lines with their ends. `number` counts those given, `bytes_read` runs ahead."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.stream, self.encoding = stream, encoding
        self.number = self.bytes_read = 0
        self.given = self.read()

    def __iter__(self) -> Iterator[str]:
        return self.given

    def first(self) -> str:
        """The first line that isn't blank. Raises BadFile."""
        found = next((line for line in self.given if line.strip()), None)
        if found is None:
            raise BadFile(_("the file is empty"))
        return found

    def skip_to(self, number: int) -> None:
        while self.number < number and next(self.given, None) is not None:
            continue

    def read(self) -> Iterator[str]:
        rest = ""
        for text in self.texts():
            new, rest = rest[-1:] + text, rest + text
            pieces = LINE.findall(rest) if "\n" in new or "\r" in new else [rest]
            # The last piece may go on in the next block, be it only with the \n of a \r\n.
            rest = "" if pieces[-1].endswith("\n") else pieces.pop()
            for piece in pieces:
                self.number += 1
                yield piece
            if len(rest) > LINE_MAX_CHARACTERS:
                numbers = (self.number + 1, LINE_MAX_CHARACTERS)
                raise BadFile(_("line %d is longer than %d characters") % numbers)
        if rest:
            self.number += 1
            yield rest

    def texts(self) -> Iterator[str]:
        """Blocks of decoded text."""
        decoder = codecs.getincrementaldecoder(ENCODINGS[self.encoding])("strict")
        block = b"start"
        while block:
            block = self.stream.read(BLOCK_BYTES)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                raise self.undecodable(error, len(block)) from None
            self.bytes_read += len(block)
            if "\0" in text:
                line = self.number + 1 + text[: text.index("\0")].count("\n")
                problem = _("line %d holds a NUL character: no text file, or one in another encoding")
                raise BadFile(problem % line)
            yield text

    def undecodable(self, error: UnicodeError, block_length: int) -> BadFile:
        if not isinstance(error, UnicodeDecodeError):  # utf-16 without its byte order mark
            return BadFile(_("expected %s text: %s") % (self.encoding, error))
        bad: bytes = error.object
        position = self.bytes_read - (len(bad) - block_length) + error.start
        before = bad[: error.start].decode(ENCODINGS[self.encoding], "ignore")
        is_utf_16 = position == 0 and bad.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        others = "utf-16" if is_utf_16 else ", ".join(name for name in ENCODINGS if name != self.encoding)
        return BadFile(
            _("expected %s text, but byte %d (0x%02X, line %d) doesn't fit; was it saved in another: %s?")
            % (self.encoding, position, bad[error.start], self.number + 1 + before.count("\n"), others)
        )


class Reader:
    """One pass over a file: the contract of a format. Iterating gives Row and BadRow.

    It gives the same items for the same bytes each time: an interrupted import opens the file again,
    with the `lines_done` of before, and goes on behind them. It holds no more than one record in
    memory, refuses a file it can't read with BadFile, at once or later, and turns a record it can't
    read into a BadRow. `columns` is empty where each row names its own.
    """

    suffixes: tuple[str, ...] = ()
    columns: Sequence[str] = ()

    def __init__(self, stream: BinaryIO, options: Options, lines_done: int = 0) -> None:
        self.lines = Lines(stream, options.encoding)
        self.lines_done_before = lines_done
        self.begin(options)
        self.lines.skip_to(lines_done)

    def begin(self, options: Options) -> None:
        """Reads as much as it needs to refuse a wrong file."""

    def __iter__(self) -> Iterator[Row | BadRow]:
        raise NotImplementedError

    @property
    def lines_done(self) -> int:
        """Lines up to the end of the last item given."""
        return self.lines.number

    @property
    def bytes_done(self) -> int:
        """Bytes read so far, for progress; ahead of `lines_done` by up to a block."""
        return self.lines.bytes_read
