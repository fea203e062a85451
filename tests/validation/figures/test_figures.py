"""Figures for print: sizes, fonts, lines that can be told apart, captions that say what is fixed."""

import io

import numpy as np
import pytest
from PIL import Image
from speciation.numerics import entropy_curve
from speciation.numerics.diagrams import grid, parse_axis, phase_diagram
from speciation.theory import GaussianMixture, speciation_times
from speciation.theory.times.criteria import speciation_time
from speciation.validation import curve_figure, diagram_figure
from speciation.validation.figures.diagrams import caption, lines_of
from speciation.validation.figures.line_groups import TOGETHER, grouped
from speciation.validation.figures.overlay import overlay_figure, per_log_sigma
from speciation.validation.figures.style import DASHES, save
from speciation.validation.figures.theory import log_law_figure

SPEC = "binary:d=64,mu=1,s=1"


@pytest.fixture(scope="module")
def mixture():
    return GaussianMixture.parse(SPEC)


@pytest.fixture(scope="module")
def curve(mixture):
    return entropy_curve(mixture, np.geomspace(0.3, 200, 24))


def drawn(figure, kind):
    stream = io.BytesIO()
    save(figure, stream, kind)
    return stream.getvalue()


def test_lines_that_cannot_be_told_apart_are_one():
    x = np.linspace(0, 1, 40)
    near, far = 0.9 * TOGETHER, 1.1 * TOGETHER
    late = np.where(x > 0.98, x, np.nan)
    lines = {"a": x, "b": x + near, "c": x + far, "none": x * np.nan, "end": np.where(x < 0.02, np.nan, x)}
    assert [names for names, _ in grouped(lines, 1.0)] == [["a", "b", "end"], ["c"]]
    assert [names for names, _ in grouped({"a": x, "late": late}, 1.0)] == [["a"], ["late"]]
    assert [names for names, _ in grouped(lines, 2.0)] == [["a", "b", "c", "end"]]


def test_separation_names_all_eight_criteria_with_five_dashes():
    diagram = phase_diagram("separation", 40)
    groups = lines_of(diagram)
    assert len(groups) <= len(DASHES)
    names = [name for labels, _ in groups for name in labels]
    assert len(names) == 8
    assert {"curvature", "cloning", "second mode"} <= set(groups[0][0])
    figure = diagram_figure(diagram)
    shown = [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]
    assert shown == [", ".join(labels) for labels, _ in groups]
    assert len({str(line.get_linestyle()) for line in figure.axes[0].get_lines()}) <= len(groups)
    # the spike at t = 0 does not set the scale
    assert float(diagram.rate.max()) > 1 > figure.axes[1].collections[0].get_clim()[1]
    text = caption(diagram)
    assert "s = 0.5" in text
    assert "largest value" in text
    assert "s = 0.5" in figure.get_suptitle()


def test_sizes_and_fonts_are_those_of_print(curve, mixture):
    two, one = phase_diagram("prior", 8), grid(SPEC, parse_axis("mu=0.1:2", 3), parse_axis("s=0.5:2", 3))
    figures = {
        diagram_figure(two): 6.8, diagram_figure(one): 3.3, curve_figure(curve, SPEC): 3.3,
        overlay_figure({"a": curve}): 6.8,
    }  # fmt: skip
    for figure, inches in figures.items():
        with Image.open(io.BytesIO(drawn(figure, "png"))) as image:
            assert image.width == pytest.approx(300 * inches, abs=1)
    content = drawn(curve_figure(curve, SPEC, speciation_times(mixture)), "pdf")
    assert b"/CIDFontType2" in content  # what Type 42 is in a PDF
    assert b"/Type3" not in content


def test_a_curve_is_smooth_and_marks_every_criterion(curve, mixture):
    figure = curve_figure(curve, SPEC, speciation_times(mixture))
    line = figure.axes[0].get_lines()[0]
    time, entropy = line.get_data()
    assert time.size > 1000
    exact = entropy_curve(mixture, np.sqrt(np.expm1(2 * time[::150]))).entropy
    np.testing.assert_allclose(entropy[::150], exact, atol=2e-3)
    shown = " ".join(text.get_text() for text in figure.legends[0].get_texts()).replace("\n", " ")
    for entry in speciation_times(mixture):
        assert (entry.criterion.lower().replace("-", " ") in shown.lower()) == (entry.time is not None)


def test_log_law_shows_the_correction():
    figure = log_law_figure((16, 64), s=0.5)
    points, line = figure.axes[3].get_lines()[:2]
    d, later = points.get_data()
    expected = [speciation_time("curvature", each, 0.25) - 0.5 * np.log(each) for each in d]
    np.testing.assert_allclose(later, expected, atol=1e-12)
    # to first order, the next one being (0.75/d)²/4
    first = np.exp(np.interp(np.log(d), np.log(line.get_xdata()), np.log(line.get_ydata())))
    assert (np.abs(first - later) < 0.3 * (0.75 / d) ** 2 + 1e-12).all()


def test_curves_lie_over_one_another(curve):
    other = entropy_curve(GaussianMixture.parse("orthogonal:K=4,d=8,M=9,s=1"), np.geomspace(0.1, 60, 16))
    figure = overlay_figure({"two": curve, "four": other}, relative=True)
    for panel in figure.axes:
        assert len(panel.get_lines()) == 2
    height = figure.axes[0].get_lines()[1].get_ydata()
    assert height.max() == pytest.approx(float(other.entropy.max()) / np.log(4))
    # per unit log σ the rate integrates to the entropy
    rate = per_log_sigma(other)
    gained = np.trapezoid(rate, np.log(other.sigma.values))
    assert gained == pytest.approx(float(np.ptp(other.entropy.values)), rel=0.02)
    with pytest.raises(ValueError, match="one to 5"):
        overlay_figure({})
    with pytest.raises(ValueError, match="class entropy"):
        overlay_figure({"two": curve.drop_vars("class_entropy")}, relative=True)


def test_plot_draws_what_curve_and_tables_hold(run, run_json, curve, tmp_path):
    curve.to_netcdf(tmp_path / "a.nc", engine="scipy")
    (tmp_path / "b.csv").write_text("sigma,entropy\n1,0.1\n2,0.3\n4,0.5\n8,0.6\n")
    paths = (tmp_path / "a.nc", tmp_path / "b.csv")
    for kind in ("pdf", "svg", "png"):
        found = run_json("plot", *paths, "--out", tmp_path / f"f.{kind}")
        assert found["curves"] == {"a": 24, "b": 4}
        assert (tmp_path / f"f.{kind}.manifest.json").is_file()
    assert ">mine<" in (run("plot", *paths, "--label", "mine", "--label", "c", "--out", tmp_path / "g.svg")
                        and (tmp_path / "g.svg").read_text())  # fmt: skip
    for arguments, message in (
        ((paths[0], "--label", "a", "--label", "b"), "--label: 2 for 1 curves"),
        ((paths[0], paths[0]), "the same name"),
        ((paths[1], "--relative"), "class entropy"),
        ((tmp_path / "none.csv",), "cannot be read"),
    ):
        status, _, err = run("plot", *arguments, "--out", tmp_path / "h.pdf")
        assert (status, err.count("\n")) == (2, 1)
        assert message in err


def test_one_file_of_a_diagram_has_its_caption(run, tmp_path):
    assert run("diagram", "prior", "--resolution", 6, "--out", tmp_path / "p.svg", "--quiet")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"p.svg", "p.txt", "p.svg.manifest.json"}
    assert "Fixed: s = 1" in (tmp_path / "p.txt").read_text()
