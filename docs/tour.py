"""Pictures of the tour: what its blocks draw, run one after another as the page says."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["tour_pictures"]


def tour_pictures(page: Path) -> dict[str, bytes]:
    """PNG by its path on the site: the `figure` that each Python block after the first one leaves."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        lines = ["import matplotlib", "matplotlib.use('agg')", blocks[0]]
        for number, block in enumerate(blocks[1:], start=1):
            lines += [block, f"figure.savefig({str(Path(folder) / f'{number}.png')!r}, dpi=150)"]
        subprocess.run([sys.executable, "-"], input="\n".join(lines), text=True, check=True)
        return {f"tour/{path.name}": path.read_bytes() for path in Path(folder).glob("*.png")}
