"""Names of conditions in one line of text and back, also those that hold commas or quotation marks."""

import csv
import io
from collections.abc import Sequence

__all__ = ["listed", "unlisted"]


def listed(conditions: Sequence[str | None]) -> str:
    """Names separated by commas; one that holds a comma or a quotation mark is quoted, as in a CSV file."""
    line = io.StringIO()
    csv.writer(line).writerow(map(str, conditions))
    return line.getvalue().removesuffix("\r\n")


def unlisted(text: str) -> list[str]:
    """The names that `listed` wrote."""
    return next(csv.reader(io.StringIO(text, newline="")), [text])
