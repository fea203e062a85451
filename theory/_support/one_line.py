"""What an exception says, for a refusal in one line."""

__all__ = ["one_line"]


def one_line(error: BaseException) -> str:
    """One line: the system's words where they are its own, else the exception's, else its name."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return " ".join(said.split()) or type(error).__name__
