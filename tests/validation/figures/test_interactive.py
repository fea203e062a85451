"""Pages that open without a network: their numbers, their size, and what a browser says of them."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.numerics.diagrams import grid, parse_axis
from speciation.numerics.fokker_planck import guided_table
from speciation.theory import (
    GaussianMixture,
    binary_entropy,
    binary_mmse,
    commitment_tail,
    orthogonal_entropy,
)
from speciation.theory.times.criteria import speciation_time
from speciation.validation.figures.interactive import check_installed, diagram_page, overlay_page, plain_text

SPEC = "binary:d=9,mu=1,s=0.6"
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@pytest.fixture(scope="module")
def page():
    return diagram_page(grid(SPEC, parse_axis("mu=0.2:4:log", 5), parse_axis("t=0.05:4", 6)))


def test_a_page_is_whole_and_says_what_is_fixed(page, tmp_path):
    check_installed()
    assert len(page.encode()) < 5e6
    assert not re.search(r"<(script|link|img)[^>]*\s(src|href)=", page.partition("<body>")[2])
    assert "<script src=" not in page
    assert "d = 9, s = 0.6" in page
    for criterion in ("curvature", "entropy peak", "reverse SDE"):
        assert criterion in page
    # what the pointer is told of a criterion, in six digits
    expected = float(speciation_time("entropy-peak", 9 * 16.0, 0.36))
    assert f"{expected:.6g}" in page
    assert f"{1.02 * expected:.6g}" not in page
    assert page == diagram_page(grid(SPEC, parse_axis("mu=0.2:4:log", 5), parse_axis("t=0.05:4", 6)))
    assert "within 0.8% of the axis" in page
    assert plain_text(r"time $t-\frac{1}{2}\log M$") == "time t− ½ log M"


def test_curves_as_a_page(run, tmp_path):
    curve = entropy_curve(GaussianMixture.parse(SPEC), np.geomspace(0.1, 20, 8))
    assert "one curve" in overlay_page({"one curve": curve})
    with pytest.raises(ValueError, match="one to 5"):
        overlay_page({})
    curve.to_netcdf(tmp_path / "a.nc", engine="scipy")
    assert run("plot", tmp_path / "a.nc", "--out", tmp_path / "a.html", "--quiet")[0] == 0
    assert run("curve", SPEC, "--levels", 8, "--out", tmp_path / "c.html", "--quiet")[0] == 0
    for name in ("a.html", "c.html"):
        assert 1e6 < (tmp_path / name).stat().st_size < 5e6


SEEN = """<script>setTimeout(() => {
  const drawn = (e) => !/script|style/.test(e.localName);
  const below = (e) => [...e.children, ...(e.shadowRoot ? e.shadowRoot.children : [])].filter(drawn);
  const within = (e) => [e, ...below(e).flatMap(within)];
  const said = within(document.body).map((e) => e.className + " " + (e.children.length ? "" : e.textContent));
  document.body.dataset.seen = said.join(" ");
}, 5000);</script>"""


def console(page):
    """What a browser without a network draws: classes and texts of all elements, and its console's lines."""
    page.write_text(page.read_text() + SEEN)
    done = subprocess.run(
        [CHROMIUM, "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=390,900",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=8000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    seen = re.findall(r'data-seen="([^"]*)"', done.stdout)
    return " ".join(seen), [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no headless browser is installed")
def test_a_browser_has_nothing_to_say_against_it(page, root, tmp_path):
    (tmp_path / "page.html").write_text(page)
    body = (root / "docs/site/explorer.md").read_text()
    shutil.copy(root / "docs/site/explorer.js", tmp_path)
    script = body[body.index("<div id") : body.index("</style>") + 8].replace("../", "")
    (tmp_path / "explorer.html").write_text(f"<!doctype html><meta charset=utf-8><body>{script}</body>")
    for name, expected in (("page.html", "bk-Figure"), ("explorer.html", "entropy peak, per OU time")):
        seen, said = console(tmp_path / name)
        assert expected in seen
        assert not [line for line in said if "rror" in line or "TypeError" in line]
    # the same two, when what draws them is gone
    (tmp_path / "undrawn.html").write_text(page.replace("embed.embed_items(", "embed.missing("))
    (tmp_path / "unexplored.html").write_text((tmp_path / "explorer.html").read_text().replace(".js", ".no"))
    for name, unexpected in (("undrawn.html", "bk-Figure"), ("unexplored.html", "entropy peak, per OU time")):
        seen, _ = console(tmp_path / name)
        assert seen
        assert unexpected not in seen
    (tmp_path / "wrong.html").write_text("<script>missing()</script>")
    assert "ReferenceError" in " ".join(console(tmp_path / "wrong.html")[1])


GAMMAS = [0.01, 0.1, 1.0, 3.0, 10.0, 30.0]
ASKED = """
const E = require(process.argv[1]), g = JSON.parse(process.argv[2]);
const found = { entropy: g.map((x) => E.entropy(x, 0.3)), mmse: g.map((x) => E.mmse(x, 0.3)),
  tail: g.map((x) => E.commitmentTail(x, 0.3)), half: g.map((x) => E.commitmentTail(x)),
  many: g.map((x) => [3, 50, 1e6].map((k) => E.manyEntropy(x, k))), error: E.bayesError(4, 2),
  guided: [0, 1, 2].map((omega) => E.guided(g, omega, 0.5)), criteria: E.criteria(655.36, 0.6, 0.3, 2),
  curve: E.curves({ d: 64, mu: 1, s: 0.8, w: 0.3, K: 2, omega: 1 }) };
console.log(JSON.stringify(found));
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="no engine for JavaScript is installed")
def test_the_explorer_computes_what_the_theory_does(root):
    """Each function of the page, run by Node, against the toolkit's own."""
    script = root / "docs" / "site" / "explorer.js"
    done = subprocess.run(
        ["node", "-e", ASKED, script, json.dumps(GAMMAS)], capture_output=True, text=True, check=True
    )
    found, g = json.loads(done.stdout), np.array(GAMMAS)
    np.testing.assert_allclose(found["entropy"], binary_entropy(g, 0.3), atol=1e-12)
    np.testing.assert_allclose(found["mmse"], binary_mmse(g, 0.3), atol=1e-12)
    np.testing.assert_allclose(found["tail"], commitment_tail(g, 0.3), atol=1e-6)
    np.testing.assert_allclose(found["half"], commitment_tail(g), atol=1e-6)
    many = [[float(orthogonal_entropy(x, k)) for k in (3, 50, 1e6)] for x in GAMMAS]
    np.testing.assert_allclose(found["many"], many, atol=1e-8)
    assert found["error"] == pytest.approx(stats.norm.sf(np.sqrt(2)), abs=1e-9)
    # finite volumes; surprise above ten nats is not drawn
    exact = guided_table(g, np.array([0.0, 1.0, 2.0])).cross_entropy
    np.testing.assert_allclose(np.minimum(found["guided"], 10), np.minimum(exact, 10), atol=2e-3)
    for name, place in found["criteria"]:
        key = {"entropy peak, per OU time": "entropy-peak", "half of the entropy left": "entropy-median",
               "cloning, γ = 1": "cloning"}.get(name, name.lower().replace(" ", "-"))  # fmt: skip
        time = float(speciation_time(key, 655.36, 0.36, prior=0.3))
        assert (place is None and np.isnan(time)) or place == pytest.approx(time, abs=1e-6)
    curve = found["curve"]
    mixture = GaussianMixture.parse("binary:d=64,mu=1,s=0.8,w=0.3")
    exact = entropy_curve(mixture, np.sqrt(np.expm1(2 * np.array(curve["times"]))))
    np.testing.assert_allclose(curve["H"], exact.entropy, atol=1e-10)
    np.testing.assert_allclose(curve["rate"], exact.rate, atol=1e-10)
