"""Lines of text out of the bytes that a process writes."""

import codecs

LONGEST = 1_000_000  # characters; a line without an end must not fill the memory


class Lines:
    """Bytes that are not UTF-8 become replacement characters; nothing else is changed."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._open = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that these bytes complete."""
        text = self._decoder.decode(data)
        # Only a line feed ends a line, unlike for str.splitlines.
        *whole, last = (self._open + text).split("\n") if "\n" in text else (self._open + text,)
        if len(last) > LONGEST:
            whole, last = [*whole, last], ""
        self._open = last
        return [line.removesuffix("\r") for line in whole]

    def rest(self) -> list[str]:
        """The last line, if it never got its end."""
        text, self._open = self._open + self._decoder.decode(b"", final=True), ""
        self._decoder.reset()
        return [text] if text else []
