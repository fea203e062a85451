"""Figures of theorems: the points of another route lie on the lines, and would not on wrong ones."""

import numpy as np
import pytest
from scipy import stats
from speciation.validation.figures.theorems import FIGURES, theorem_figure

DRAWN = ("T1", "T2", "T4", *(f"T{n}" for n in range(11, 22)), "T24")
BOUNDS = ("T10", "T22")
# at most 200 drawn points, two-sided: false alarms below 1e-6
THRESHOLD = float(stats.norm.isf(2.5e-9))
SLOW = ("T5", "T6", "T12", "T14", "T20", "T21", "T23")


def deviations(shown, factor=1.0):
    """Each trace's points against its line at their place, in its own scale, and their errors."""
    for trace in shown.traces:
        if trace.at is None:
            continue
        place, at = (np.log(v) if "x" in shown.log else v for v in (trace.x, trace.at))
        line = np.interp(at, place, trace.y)
        yield trace.found - factor * line, trace.error, line


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in FIGURES if n not in BOUNDS]
)
def test_points_lie_on_the_lines(name):
    shown = FIGURES[name]()
    found = list(deviations(shown))
    assert found
    for gap, error, line in found:
        # interpolated lines and truncated series are off by up to a fiftieth
        slack = 0.002 * np.abs(line).max() if name in DRAWN else 0.02 * np.abs(line)
        assert (np.abs(gap) <= (0 if error is None else THRESHOLD * error) + slack).all()
    wrong = [(gap, error, line) for gap, error, line in deviations(shown, 1.3)]
    assert any(
        (np.abs(gap) > (0 if error is None else THRESHOLD * error) + 0.02 * np.abs(line)).any()
        for gap, error, line in wrong
    )


@pytest.mark.parametrize("name", BOUNDS)
def test_points_lie_between_the_bounds(name):
    upper, lower = FIGURES[name]().traces
    assert (upper.found <= np.interp(upper.at, upper.x, upper.y) + 1e-3).all()
    assert (upper.found >= np.interp(upper.at, lower.x, lower.y)).all()
    assert (1.3 * upper.found > np.interp(upper.at, upper.x, upper.y) + 1e-3).any()


def test_figures_say_what_they_show():
    axes = theorem_figure("T22").axes[0]
    assert axes.get_ylabel() == "entropy H(C|X) [nats]"
    assert "K = 5" in axes.get_title()
    assert list(FIGURES) == [f"T{n}" for n in range(1, 28)]
