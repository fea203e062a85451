"""Figures of what settings buy: grids against their predictions, guidance by rule, samples judged apart."""

from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...theory._support.aliases import Fields
from .style import DASHES, TWO_COLUMNS, styled
from .theory import BLACK, BLUE, GREEN, ORANGE, RED, SKY

__all__ = ["adaptive_figure", "grids_figure", "samples_figure"]

_COLOURS, _MARKERS = (BLUE, SKY, GREEN, ORANGE, RED, BLACK), "osD^vP"


def grids_figure(table: pd.DataFrame) -> Figure:
    """Path KL, KL of the final half log-odds and shortfall of a rarer class of two points, against N.

    Columns: `grid`, `steps`, `path_kl_predicted`, `path_kl`, `path_kl_se`, `class_kl`, `bias_predicted`,
    `bias`, `bias_se`. Lines are predictions, points measurements with two standard errors; the KL of the
    law of the final half log-odds, of which the class is read, is a quadrature, without errors of draws.
    """
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS, 2.9), layout="constrained")
        panels = figure.subplots(1, 3)
        for (name, rows), colour, marker, dash in zip(
            _by_grid(table), cycle(_COLOURS), cycle(_MARKERS), cycle(DASHES), strict=False
        ):
            look: Fields = {"color": colour, "markersize": 3.5, "markerfacecolor": _inside(colour)}
            line: Fields = {"color": colour, "linewidth": 1.0, "linestyle": dash}
            panels[0].plot(rows.steps, rows.path_kl_predicted, **line)
            panels[0].plot([], [], marker=marker, label=name, **(line | look))
            panels[0].errorbar(rows.steps, rows.path_kl, 2 * rows.path_kl_se, fmt=marker, **look)
            panels[1].plot(rows.steps, rows.class_kl, marker=marker, **(line | look))
            panels[2].plot(rows.steps, -rows.bias_predicted, **line)
            panels[2].errorbar(rows.steps, -rows.bias, 2 * rows.bias_se, fmt=marker, **look)
        labels = ("path KL [nats]", "KL of the final log-odds [nats]", "loss of a class of weight 0.2")
        for panel, label in zip(panels, labels, strict=True):
            panel.set_xscale("log", base=2)
            panel.set_yscale("log")
            panel.set_xticks(sorted(set(table.steps)), [f"{n:g}" for n in sorted(set(table.steps))])
            panel.set_xlabel("levels N")
            panel.set_ylabel(label)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
        return figure


def _inside(colour: str) -> str:
    """What fills a marker: of six grids the last is told by it, where five dashes are not enough."""
    return colour if colour == BLACK else "white"


def adaptive_figure(table: pd.DataFrame) -> Figure:
    """Cross-entropy at γ = 4 and late shift of guided runs against the γ that they were guided for, by rule.

    Columns: `rule`, `guided_gamma`, `surprise_at_4` and its `_se`, `shift` and its `_se`.
    """
    kinds = {
        "until": ("until p, then stop", RED, "D"),
        "whenever": ("whenever below p", ORANGE, "^"),
        "gamma": ("fixed, from the start", BLUE, "o"),
    }
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS, 2.9), layout="constrained")
        panels = figure.subplots(1, 2)
        for dash, (start, (label, colour, marker)) in zip(DASHES, kinds.items(), strict=False):
            kept: Any = table[table.rule.str.startswith(start)]
            rows = kept.sort_values("guided_gamma")
            look: Fields = {"color": colour, "markersize": 3.5, "markerfacecolor": "white"}
            for panel, name in zip(panels, ("surprise_at_4", "shift"), strict=True):
                panel.errorbar(
                    rows.guided_gamma, rows[name], 2 * rows[f"{name}_se"], fmt=marker, label=label,
                    linestyle=dash, linewidth=1.0, **look,
                )  # fmt: skip
        labels = ("cross-entropy at γ = 4 [nats]", "late shift of half log-odds")
        for panel, label in zip(panels, labels, strict=True):
            panel.set_xscale("log")
            panel.set_xlabel("mean γ with guidance")
            panel.set_ylabel(label)
        panels[0].set_yscale("log")
        panels[1].legend()
        return figure


def samples_figure(table: pd.DataFrame) -> Figure:
    """Fraction of samples in the requested class, and their energy distance from held-out images.

    Columns: `model`, `grid`, `rule`, `steps`, `share`, `share_se`, `distance`, `distance_se`; a row of panels
    a model.
    """
    models = list(dict.fromkeys(table.model))
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS, 2.6 * len(models)), layout="constrained")
        panels = np.atleast_2d(figure.subplots(len(models), 2))
        for row, model in zip(panels, models, strict=True):
            own: object = table[(table.model == model) & (table.rule == "none")]
            for shift, ((name, rows), colour, marker) in enumerate(
                zip(_by_grid(own), cycle(_COLOURS), cycle(_MARKERS), strict=False)
            ):
                at = rows.steps * 1.03 ** (shift - 2.5)  # side by side
                look: Fields = {"color": colour, "markersize": 3.5, "markerfacecolor": _inside(colour)}
                row[0].errorbar(at, rows.share, 2 * rows.share_se, fmt=marker, label=name, **look)
                row[1].errorbar(at, rows.distance, 2 * rows.distance_se, fmt=marker, **look)
            for panel, label in zip(
                row, ("fraction in the requested class", "distance from held-out"), strict=True
            ):
                panel.set_xscale("log", base=2)
                panel.set_xticks(sorted(set(own.steps)), [f"{n:g}" for n in sorted(set(own.steps))])
                panel.set_xlabel("evaluations, without guidance")
                panel.set_ylabel(f"{model}: {label}")
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
        return figure


def _by_grid(table: Any) -> list[tuple[str, Any]]:
    """The rows of each grid, in the order in which grids first come."""
    return [(name, table[table.grid == name].sort_values("steps")) for name in dict.fromkeys(table.grid)]
