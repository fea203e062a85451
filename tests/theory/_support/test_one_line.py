"""What an exception says is one line, and never nothing."""

import pytest
from speciation.theory._support.one_line import one_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "/somewhere"), "No space left on device"),
        (OSError("no number"), "no number"),
        (ValueError("two\n  lines"), "two lines"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_reasons(error, said):
    assert one_line(error) == said
