"""The report's page: complete, self-contained, and legible in a real browser where there is one."""

import re
import shutil
import subprocess

import jinja2
import pytest
from speciation.theory.theorems import THEOREMS
from speciation.theory.theorems.rendering import mathematics
from speciation.validation._support.templates import environment

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    from speciation.validation.verification import report
    from speciation.validation.verification.verify import verify

    folder = tmp_path_factory.mktemp("report")
    report.write(verify(["T22", "T27"]), folder, 0)
    return folder / "report.html"


def test_page_is_complete_and_needs_nothing_else(page):
    text = page.read_text()
    assert text.count('<h2 id="T') == 2
    assert text.count("data:image/png;base64,") == 2
    assert "2 theorems passed, 0 failed" in text
    assert "seed 0" in text
    for name in ("numpy", "sympy", "machine"):
        assert f"<th>{name}</th>" in text
    # nothing is fetched: no script, no stylesheet, no picture from elsewhere
    assert not re.search(r"<script|<link|@import|src=\"(?!data:)|url\(", text)
    without_namespace = text.replace("http://www.w3.org/1998/Math/MathML", "")
    assert "http" not in without_namespace


def test_markdown_says_the_same(page):
    text = page.with_name("report.md").read_text()
    assert "2 theorems passed, 0 failed; seed 0; " in text
    assert text.count("\n## T") == 2
    assert THEOREMS["T22"].statement in text
    assert text.count("\n![") == 2
    assert text.endswith(")\n")
    assert "$$" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5, 8}
    outside = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.DOTALL)
    assert not re.search(r"\{[{%]|%\}", outside)


def test_latex_shows_the_derivation_and_every_measurement(page):
    text = page.with_name("report.tex").read_text()
    assert text.isascii()
    assert text.startswith("\\documentclass")
    assert text.rstrip().endswith("\\end{document}")
    assert text.count("\\section*{T") == 2
    assert text.count("\\[") == sum(len(THEOREMS[name].derive()) for name in ("T22", "T27"))
    assert text.count("agrees\\\\") == text.count(" agrees") >= 10
    assert "steps derived with SymPy" in text


def test_what_goes_into_html_is_escaped_and_what_is_missing_is_an_error(tmp_path):
    (tmp_path / "templates").mkdir()
    for ending in ("html", "md"):
        (tmp_path / "templates" / f"page.{ending}.j2").write_text("{{ value }}\n")
    pages = environment(str(tmp_path / "module.py"))
    assert pages.get_template("page.html.j2").render(value="<b>") == "&lt;b&gt;\n"
    assert pages.get_template("page.md.j2").render(value="<b>") == "<b>\n"
    with pytest.raises(jinja2.UndefinedError):
        pages.get_template("page.md.j2").render()


@pytest.mark.parametrize("identifier", list(THEOREMS))
def test_every_statement_becomes_mathematics(identifier):
    found = str(mathematics(THEOREMS[identifier].statement))
    assert found.count("<math") == THEOREMS[identifier].statement.count("$") / 2 >= 1
    assert "\\" not in found
    assert "$" not in found
    assert mathematics("a < b & $x$").startswith("a &lt; b &amp; <math")


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
@pytest.mark.slow
def test_page_opens_in_a_browser_without_a_complaint(page, tmp_path):
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-sync", "--no-first-run", f"--user-data-dir={tmp_path}", "--enable-logging=stderr",
        "--window-size=390,844", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "<math" in done.stdout
    assert "CONSOLE" not in done.stderr
