"""Tables of where a curve is decided, with units and intervals, for every command that has one."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from ...numerics.curves.places import PLACES
from ...theory._support.aliases import ReadFields
from .common import output

__all__ = [
    "clones_table",
    "comparison_table",
    "fitted_table",
    "pairs_table",
    "places_table",
    "plain_table",
    "say",
]

_NAMES = {
    "peak_per_log_sigma": "peak per log σ",
    "peak_per_ou_time": "peak per OU time",
    "median_sigma": "median",
    "window_width": "width in log σ",
}
_UNITS = "(in σ, the width in log σ)"


def places_table(numbers: ReadFields, title: str) -> Table:
    """Each of `PLACES` with its interval."""
    table = plain_table(f"{title} {_UNITS}", "", "value", "95 %")
    for name in PLACES:
        table.add_row(_NAMES[name], _cell(numbers[name]), _interval(numbers, name))
    return table


def comparison_table(summary: ReadFields, title: str) -> Table:
    """Each of `PLACES` measured and predicted, with the residual of their logarithms and its error."""
    table = plain_table(f"{title} {_UNITS}", "", "measured", "95 %", "predicted", "log ratio ± s.e.")
    for name in PLACES:
        row = summary[name]
        residual = _cell(row["residual"], "+.4f")
        if row.get("residual_se") is not None and row["residual"] is not None:
            residual += f" ± {row['residual_se']:.2g}"
        numbers = (_cell(row["measured"]), _interval(row, "measured"), _cell(row["predicted"]))
        table.add_row(_NAMES[name], *numbers, residual)
    return table


def pairs_table(summary: ReadFields, title: str) -> Table:
    """A row per pair: peak per log σ and median, measured with their intervals, and predicted."""
    columns = ("pair", "peak per log σ", "95 %", "predicted", "median", "95 %", "predicted")
    table = plain_table(f"{title} (in σ)", *columns)
    for name, held in summary["pairs"].items():
        cells: list[str] = []
        for place in ("peak_per_log_sigma", "median_sigma"):
            row = held[place]
            cells += [_cell(row["measured"]), _interval(row, "measured"), _cell(row["predicted"])]
        table.add_row(name, *cells)
    return table


def clones_table(levels: Sequence[Mapping[str, float]], judge: str) -> Table:
    """A row per level: how often two clones agree, and the class entropies that this allows in any model."""
    title = f"two clones, judged by the {judge}; bounds on H(C|X) that hold for any model (T22, nats)"
    table = plain_table(title, "σ", "agreement", "by posterior", "entropy", "at least", "at most")
    for row in levels:
        cells = [f"{row['agreement']:.3f} ± {row['agreement_se']:.2g}"]
        names = ("posterior_agreement", "entropy", "entropy_lower", "entropy_upper")
        for name in names:
            error = row.get(f"{name}_se")
            cells.append(f"{row[name]:.3f}" + ("" if error is None else f" ± {error:.2g}"))
        table.add_row(_cell(row["sigma"]), *cells)
    return table


def fitted_table(pairs: ReadFields, title: str, of: str = "pair", remark: str = "") -> Table:
    """A row per fit: peak per log σ and median with their intervals."""
    table = plain_table(f"{title} (in σ){remark}", of, "peak per log σ", "95 %", "median", "95 %")
    for name, held in pairs.items():
        cells: list[str] = []
        for place in ("peak_per_log_sigma", "median_sigma"):
            cells += [_cell(held[place]), _interval(held, place)]
        table.add_row(name, *cells)
    return table


def say(summary: ReadFields) -> None:
    """Below a table: why numbers are missing, what a reader has to know, and the sentence at the end."""
    notes = summary.get("notes", [])
    own: ReadFields = notes if isinstance(notes, Mapping) else {}
    if "largest_difference" in summary:
        own = {name: summary[name].get("note") for name in PLACES}
    lines = [f"{_NAMES.get(name, name)}: {note}" for name, note in own.items() if note]
    if "largest_difference" in summary:
        error = f" ± {summary['largest_difference_se']:.2g}" if "largest_difference_se" in summary else ""
        place = f"at σ = {summary['largest_difference_sigma']:.4g}"
        lines.append(f"largest difference {summary['largest_difference']:.4g}{error} nats, {place}")
        lines += _of_levels(summary["level_test"])
        used = summary["prediction"]
        drawn = f", {used['samples']} draws, seed {used.get('key', 0)}" if "samples" in used else ""
        lines.append(f"predicted by the {used['method']} method{drawn}; agreement is {summary['agreement']}")
    lines += [] if isinstance(notes, Mapping) else list(notes)
    for line in [*lines, summary["sentence"]]:
        output().print(line)


def _of_levels(test: ReadFields | None) -> list[str]:
    """The χ² of all levels, where the curve says how they vary together."""
    if test is None:
        return []
    least = "p < 1e-6" if test["p_value"] < 1e-6 else f"p = {test['p_value']:.2g}"
    name = "" if test["quantity"] != "rate" else " of the rate"
    return [
        f"{test['levels']} levels{name} together: χ² = {test['chi2']:.4g}, {least} (the draws "
        f"are shared, and vary like {test['independent']:.2g} independent levels)"
    ]


def plain_table(title: str, *columns: str) -> Table:
    """A table whose columns of numbers stand to the right, and whose names are not broken."""
    table = Table(title=title)
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=number == 0, overflow="fold", justify="right" if number else "left")
    return table


def _cell(value: float | None, form: str = ".4g") -> str:
    return "–" if value is None else format(value, form)


def _interval(numbers: ReadFields, name: str) -> str:
    """`low to high`; a dash where an end is open."""
    low, high = numbers[f"{name}_low"], numbers[f"{name}_high"]
    return "–" if low is None and high is None else f"{_cell(low)} to {_cell(high)}"
