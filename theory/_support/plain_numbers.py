"""Numbers as other programs write them, too: what only Python reads as one is none."""

__all__ = ["plain_number"]


def plain_number(text: str) -> float:
    """A decimal number; `ValueError` for anything else, such as `1_0`, which Python takes for ten."""
    if "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is not a number")
    return float(text)
