"""Draw the figures that the README and the documentation show: `python docs/make_figures.py`."""

from pathlib import Path

from speciation.validation.figures import log_law_figure

FOLDER = Path(__file__).parent / "figures"


def main() -> None:
    """Write every figure into `docs/figures`."""
    log_law_figure((16, 256, 4096, 65536)).savefig(FOLDER / "log-law.png")


if __name__ == "__main__":
    main()
