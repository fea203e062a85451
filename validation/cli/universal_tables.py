"""Tables of what holds for any data: how runs commit, how calibrated a network is, where guided runs end."""

from collections.abc import Mapping

from ...theory._support.aliases import ReadFields
from .common import output
from .places_table import plain_table

__all__ = ["print_ends", "print_reliability"]


def print_reliability(found: ReadFields) -> None:
    """A row for each shown σ and each stop, and below them what they mean."""
    kinds = {"own": "own chains", "noised": f"noised {found['noised_from']}"}
    columns = ("paths", "σ", "ε", "class changes", "posterior", "right", "too sure by")
    levels = plain_table("how sure, and how often right, at σ", *columns)
    columns = ("paths", "p", "reached", "posterior", "right", "too sure by", "class kept")
    stops = plain_table("stopped where the posterior first reaches p", *columns)
    for kind, name in kinds.items():
        for place in found["shown"]:
            levels.add_row(name, *_of_level(found[kind]["levels"][place]))
        for row in found[kind]["stops"]:
            stops.add_row(name, *_of_stop(row))
    for table in (levels, stops):
        output().print(table)
    for sentence in found["sentences"]:
        output().print(sentence)


def print_ends(found: ReadFields) -> None:
    """A row for each class guided to, and what they say."""
    table = plain_table("where guided runs end", "guided to", "runs", "end in it", "w^(1-2ω)")
    for row in found["classes"]:
        ends = "–" if row["ends"] is None else f"{row['ends']:.4f} ± {row['ends_se']:.2g}"
        predicted = "–" if row["predicted"] is None else f"{row['predicted']:.4f}"
        table.add_row(row["class"], f"{row['runs']:.0f}", ends, predicted)
    output().print(table)
    output().print(found["sentence"])


def _of_level(row: Mapping[str, float]) -> tuple[str, ...]:
    return (
        f"{row['sigma']:.3g}",
        f"{1 - row['confidence']:.3f}",
        f"{row['change']:.3f} ± {row['change_se']:.2g}",
        *_calibration(row),
    )


def _of_stop(row: ReadFields) -> tuple[str, ...]:
    if row["confidence"] is None:
        return (f"{row['p']:g}", f"{row['share']:.3f}", "–", "–", "–", "–")
    kept = f"{row['kept']:.3f}"
    return (f"{row['p']:g}", f"{row['share']:.3f}", *_calibration(row), kept)


def _calibration(row: Mapping[str, float]) -> tuple[str, str, str]:
    return (
        f"{row['confidence']:.3f}",
        f"{row['right']:.3f} ± {row['right_se']:.2g}",
        f"{row['overconfidence']:+.3f} ± {row['overconfidence_se']:.2g}",
    )
