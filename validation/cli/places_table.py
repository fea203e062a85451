"""Tables of where a curve is decided, with units and intervals, for every command that has one."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from ...numerics.places import PLACES
from .common import output

__all__ = ["comparison_table", "pairs_table", "places_table", "say"]

_NAMES = {
    "peak_per_log_sigma": "peak per log σ (σ)",
    "peak_per_ou_time": "peak per OU time (σ)",
    "median_sigma": "median (σ)",
    "window_width": "width (log σ)",
}


def places_table(numbers: Mapping[str, Any], title: str) -> Table:
    """Each of `PLACES` with its interval, and why there is none."""
    table = Table("", "value", "95 %", "note", title=escape(title))
    for name in PLACES:
        note = numbers["notes"].get(name, "")
        table.add_row(_NAMES[name], _cell(numbers[name]), _interval(numbers, name), note)
    return table


def comparison_table(summary: Mapping[str, Any], title: str) -> Table:
    """Each of `PLACES` measured and predicted, with the residual of their logarithms and its error."""
    table = Table("", "measured", "95 %", "predicted", "log(measured/predicted)", "note", title=escape(title))
    for name in PLACES:
        row = summary[name]
        residual = _cell(row["residual"], "+.4f")
        if row.get("residual_se") is not None and row["residual"] is not None:
            residual += f" ± {row['residual_se']:.2g}"
        ends = _interval(row, "measured")
        table.add_row(
            _NAMES[name], _cell(row["measured"]), ends, _cell(row["predicted"]), residual, row.get("note", "")
        )
    error = f" ± {summary['largest_difference_se']:.2g}" if "largest_difference_se" in summary else ""
    place = f"at σ = {summary['largest_difference_sigma']:.4g}"
    table.add_row(
        "largest difference (nats)", f"{summary['largest_difference']:.4g}{error}", "", "", "", place
    )
    return table


def pairs_table(summary: Mapping[str, Any], title: str) -> Table:
    """A row per pair: peak per log σ and median, measured with their intervals, and predicted."""
    columns = ("pair", "peak per log σ (σ)", "95 %", "predicted", "median (σ)", "95 %", "predicted", "note")
    table = Table(*columns, title=escape(title))
    for name, held in summary["pairs"].items():
        cells: list[str] = []
        for place in ("peak_per_log_sigma", "median_sigma"):
            row = held[place]
            cells += [_cell(row["measured"]), _interval(row, "measured"), _cell(row["predicted"])]
        table.add_row(escape(name), *cells, held["peak_per_log_sigma"].get("note", ""))
    return table


def say(summary: Mapping[str, Any]) -> None:
    """What a reader has to know, and the sentence at the end."""
    for note in summary["notes"] if isinstance(summary.get("notes"), list) else []:
        output().print(escape(note), soft_wrap=True)
    output().print(escape(summary["sentence"]), soft_wrap=True)


def _cell(value: float | None, form: str = ".5g") -> str:
    return "–" if value is None else format(value, form)


def _interval(numbers: Mapping[str, Any], name: str) -> str:
    """`low to high`; a dash where an end is open."""
    low, high = numbers[f"{name}_low"], numbers[f"{name}_high"]
    return "–" if low is None and high is None else f"{_cell(low)} to {_cell(high)}"
