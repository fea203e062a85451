"""JSON files that people write: UTF-8 text, with a byte order mark or without, and finite numbers."""

import json
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["read_json"]


def read_json(path: Path) -> Any:
    """The content of a JSON file; `ValueError` with one line that says what is wrong with the text.

    A file that cannot be opened raises `OSError`.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise ValueError("not JSON: not UTF-8 text") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")
