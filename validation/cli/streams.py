"""Standard streams that cannot stop a run, whatever they lead to.

A reader that leaves, as `head` does, changes neither the work nor its status. Standard error takes what it
can and never fails. Standard output that cannot be written, as on a full device, is one line and status 2.
What a code page lacks is spelled out in ASCII; bytes of a path that are no text come out as they went in.
"""

import codecs
import errno
import io
import os
import select
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ...theory._support.one_line import one_line

__all__ = ["sturdy_streams"]

_SPELLED = {
    "–": "-", "—": "-", "−": "-", "‐": "-", "…": "...", "“": '"', "”": '"', "‘": "'", "’": "'", "±": "+/-",
    "×": "x", "·": "*", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "∞": "inf",
    "√": "sqrt", "²": "^2", "³": "^3", "⁄": "/", "∫": "int", "•": "*", "⟨": "<", "⟩": ">",
}  # fmt: skip
_HANDLER = "speciation-spelled"
_STREAMS = ("stdin", "stdout", "stderr")


def _spelled(character: str) -> str:
    """A character in ASCII: its sign, its letters without accents, a Greek letter's name, or `?`."""
    if character in _SPELLED:
        return _SPELLED[character]
    plain = "".join(_SPELLED.get(c, c) for c in unicodedata.normalize("NFKD", character))
    plain = plain.encode("ascii", "ignore").decode()
    words = unicodedata.name(character, "").split()
    return plain or (words[-1].lower() if words[:1] == ["GREEK"] and "LETTER" in words else "?")


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Handler of characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelled, error.object[error.start : error.end])), error.end


class _Sturdy(io.RawIOBase):
    """A raw stream that takes everything once its reader has left, or once it has failed."""

    def __init__(self, raw: Any, refuses: bool) -> None:
        self._raw, self._refuses, self._gone = raw, refuses, False

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()

    def write(self, data: Any) -> int:
        if self._gone:
            return len(data)
        try:
            while (count := self._raw.write(data)) is None:  # a pipe that does not wait, and is full
                select.select([], [self._raw], [])
            return count
        except OSError as error:
            self._gone = True
            # Windows calls a pipe without a reader an invalid argument
            left = isinstance(error, ConnectionError) or (os.name == "nt" and error.errno == errno.EINVAL)
            if self._refuses and not left:
                raise ValueError(f"standard output: cannot be written: {one_line(error)}") from None
            return len(data)


@contextmanager
def sturdy_streams() -> Iterator[None]:
    """Use such streams for standard output and error; what a caller has put in place only spells alike."""
    _fill_closed()
    codecs.register_error(_HANDLER, _spell)
    before = {name: getattr(sys, name) for name in _STREAMS}
    handlers = [(s, s.errors) for s in (sys.stdout, sys.stderr) if isinstance(s, io.TextIOWrapper)]
    try:
        for name in _STREAMS:
            setattr(sys, name, _sturdy(before[name], name))
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)
        for stream, handler in handlers:
            stream.reconfigure(errors=handler)


def _fill_closed() -> None:
    """Give a closed standard descriptor the null device, so that no other file takes its number."""
    for descriptor in range(len(_STREAMS)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _sturdy(stream: TextIO | None, name: str) -> TextIO:
    if stream is None:  # it was closed: print to nowhere, and not to the other one
        return open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8", errors="replace")
    buffer: object = getattr(stream, "buffer", None)
    if name == "stdin" or buffer is None or not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors=_HANDLER)
    if stream is not getattr(sys, f"__{name}__"):
        return stream
    utf = codecs.lookup(stream.encoding).name.startswith("utf")
    handler = "surrogateescape" if utf else _HANDLER
    raw = _Sturdy(getattr(buffer, "raw", buffer), name == "stdout")
    return io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, handler, line_buffering=bool(stream.line_buffering)
    )
