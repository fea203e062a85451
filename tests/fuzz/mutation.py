"""A corpus fuzzer: mutate what is known, keep what reaches new lines, and let nothing but refusals pass.

An input is refused cleanly if the reader raises `ValueError` with one line. Anything else that a reader
raises, an input on which it takes long, and memory beyond a few gigabytes are crashes.
"""

import io
import random
import resource
import sys
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS_EACH = 10.0  # for one input
MEMORY = 6 * 2**30  # beyond what the process holds at the start
LARGEST = 400_000  # bytes of an input
LEAST = 20  # mutants that are tried, whatever the time

INTERESTING = [
    b"", b"0", b"-1", b"1e999", b"-0.0", b"NaN", b"Infinity", b"1e-320", b"9" * 400, b"null", b"true", b'""',
    b"[", b"{", b"[]", b"{}", b'"', b",", b":", b"\\ud800", b"\x00", b"\xff\xfe", b"\r\n", b"#", b"=",
    b"\xc3\xa9",
    (2**31 - 1).to_bytes(4, "little"), (2**63 - 1).to_bytes(8, "little"), b"\xff" * 4, b"\x00" * 8,
    b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"'descr': '|O'", b"(1000000000, 1000000000)",
]  # fmt: skip


@contextmanager
def bounded_memory() -> Iterator[None]:
    """An address space that ends a few gigabytes above what is in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def inside(content: bytes, change: Callable[[bytes], bytes], pick: random.Random) -> bytes:
    """A change within a container that stays whole: a member of an archive, or a header and its length."""
    if content.startswith(b"PK"):
        return _inside_archive(content, change, pick)
    length = int.from_bytes(content[:8], "little")
    if content[8:9] == b"{" and length < len(content) and pick.random() < 0.8:
        header = change(content[8 : 8 + length])
        return len(header).to_bytes(8, "little") + header + content[8 + length :]
    return change(content)


def _inside_archive(content: bytes, change: Callable[[bytes], bytes], pick: random.Random) -> bytes:
    written = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return change(content)
    chosen = pick.choice(list(members) or [""])
    with warnings.catch_warnings(), zipfile.ZipFile(written, "w") as archive:
        warnings.simplefilter("ignore")  # of names that stand there twice
        for name, data in members.items():
            archive.writestr(name, change(data) if name == chosen else data)
    return written.getvalue()


class Fuzzer:
    """Mutations of a corpus, steered by the lines of code below `watched` that they reach."""

    def __init__(self, corpus: list[bytes], watched: list[Path], seed: int = 0) -> None:
        self.corpus, self.random = list(corpus), random.Random(seed)  # noqa: S311
        self._watched = tuple(str(path) for path in watched)
        self._given, self._lines = set(corpus), dict[bytes, set[tuple[str, int]]]()

    def run(self, read: Callable[[bytes], object], seconds: float) -> tuple[int, list[tuple[bytes, str]]]:
        """Try mutants for a while, at least a few: how many, and the crashes among them."""
        crashes: list[tuple[bytes, str]] = []
        tried, spent = 0, time.process_time
        for content in self.corpus:
            self._lines[content] = self._reached(read, content)[1]
        seen = set[tuple[str, int]]().union(*self._lines.values())
        deadline = spent() + seconds
        while tried < LEAST or spent() < deadline:
            content = self.mutant()
            tried += 1
            problem, reached = self._reached(read, content)
            if problem is not None:
                crashes.append((content, problem))
            elif not reached <= seen:
                self.corpus.append(content)
                self._lines[content] = reached
            seen |= reached
        return tried, crashes

    def found(self, largest: int = LARGEST) -> list[bytes]:
        """Few and small inputs that reach what the corpus given did not, for the next run to begin with."""
        seen = set[tuple[str, int]]().union(*(self._lines[content] for content in self._given))
        kept: list[bytes] = []
        for content in sorted(self._lines.keys() - self._given, key=lambda each: (len(each), each)):
            if len(content) <= largest and not self._lines[content] <= seen:
                kept.append(content)
                seen |= self._lines[content]
        return kept

    def mutant(self) -> bytes:
        """One of the corpus after a few random changes."""
        content = self.random.choice(self.corpus)
        if self.random.random() < 0.3:
            return self._changed(content)
        return inside(content, self._changed, self.random)[:LARGEST]

    def _changed(self, part: bytes) -> bytes:
        content = bytearray(part)
        for _ in range(self.random.choice((1, 1, 2, 4, 8))):
            self._change(content)
        return bytes(content[:LARGEST])

    def _change(self, content: bytearray) -> None:
        r, size = self.random, len(content)
        start = r.randint(0, size)
        end = min(size, start + int(r.paretovariate(0.7)))
        kind = r.randrange(7)
        if kind == 0 and size:
            content[r.randrange(size)] ^= 1 << r.randrange(8)
        elif kind == 1:
            content[start:end] = b""
        elif kind == 2:
            content[start:start] = content[start:end] * r.choice((1, 2, 50))
        elif kind == 3:
            content[start:end] = r.choice(INTERESTING)
        elif kind == 4:
            content[start:start] = r.choice(INTERESTING)
        elif kind == 5:
            other = r.choice(self.corpus)
            cut = r.randint(0, len(other))
            content[start:end] = other[cut : cut + int(r.paretovariate(0.7))]
        elif size:
            content[r.randrange(size)] = r.randrange(256)

    def _reached(
        self, read: Callable[[bytes], object], content: bytes
    ) -> tuple[str | None, set[tuple[str, int]]]:
        """What is wrong with how an input is read, and the lines that it reaches."""
        reached: set[tuple[str, int]] = set()

        def local(frame, event, argument):
            reached.add((frame.f_code.co_filename, frame.f_lineno))
            return local

        def tracer(frame, event, argument):
            return local if frame.f_code.co_filename.startswith(self._watched) else None

        started, before = time.process_time(), sys.gettrace()
        sys.settrace(tracer)
        try:
            problem = problem_of(read, content)
        finally:
            sys.settrace(before)
        if problem is None and time.process_time() - started > SECONDS_EACH:
            problem = f"took {time.process_time() - started:.0f} s"
        return problem, reached


def problem_of(read: Callable[[bytes], object], content: bytes) -> str | None:
    """What is wrong with how `read` takes `content`; `None` if it is read or cleanly refused."""
    try:
        read(content)
    except ValueError as refusal:
        if type(refusal).__name__ != "ValueError":
            return f"{type(refusal).__name__}: {refusal}"
        text = str(refusal)
        return None if text and "\n" not in text else f"a refusal of several lines: {text!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
