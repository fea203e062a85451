"""Pictures of the tour: what its blocks draw, run one after another as the page says."""

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

__all__ = ["tour_pictures"]


def tour_pictures(page: Path) -> dict[str, bytes]:
    """PNG by its path on the site: the `figure` that each Python block after the first one leaves."""
    names: dict[str, Any] = {}
    pictures: dict[str, bytes] = {}
    with mpl.rc_context({"backend": "agg"}):
        for number, block in enumerate(_blocks(page.read_text())):
            exec(compile(block, f"{page.name}, block {number}", "exec"), names)  # noqa: S102, the page is ours
            if number > 0:
                stream = io.BytesIO()
                names.pop("figure").savefig(stream, format="png", dpi=150)
                pictures[f"tour/{number}.png"] = stream.getvalue()
                plt.close("all")
    return pictures


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
