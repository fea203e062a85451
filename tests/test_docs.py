"""The site builds without a broken link, and every Python block in it runs."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import griffe
import pytest
from speciation.numerics import entropy_curve
from speciation.theory.theorems import THEOREMS
from speciation.validation import measure

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(path for path in (ROOT / "docs" / "site").rglob("*.md"))
CODE = {
    path.relative_to(ROOT / "docs" / "site").as_posix(): re.findall(
        r"^```python\n(.*?)^```", path.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    for path in PAGES
}


LONG = {f"how-to/{name}.md" for name in ("own-network", "gradient", "measure", "models")} | {"tour.md"}
"""Those that draw or measure for seconds."""

UNCLEAR = (
    "held against", "hold against", "stands there", "no class means", "nothing else than", "for nothing else",
    "asked-for", "class asked for", "vouches for", "takes no part", "of anybody's", "gone on with",
)  # fmt: skip
"""Phrases that readers did not understand, anywhere in the program, its documentation or its notebooks."""

UNCLEAR_ON_PAGES = (
    "is asked of", "asked at any", "goes on to the same bits", "with the bits of", "of one's own",
    "told apart", "what is left of", "in its own widths", "are ahead of", "buys", "house", "says nothing of",
)  # fmt: skip
"""Further ones, in what people read first: README, site, changelog, help of the commands."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow) if page in LONG else page
        for page, blocks in CODE.items()
        if blocks
    ],
)
def test_python_blocks_run(page):
    done = subprocess.run([sys.executable, "-c", "\n".join(CODE[page])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_places_of_scripts_are_no_headings():
    """A heading has its words as its id, so that a script would draw into the heading."""
    for path in PAGES:
        text = path.read_text()
        headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
        slugs = {re.sub(r"\W+", "-", words).strip("-").lower() for words in headings}
        assert slugs.isdisjoint(re.findall(r'<\w+ id="([^"]+)"', text)), path.name


def _found(phrases, paths):
    texts = {path: " ".join(path.read_text().split()) for path in paths}
    return [(path.name, phrase) for path, text in texts.items() for phrase in phrases if phrase in text]


def test_plain_english():
    pages = [ROOT / "README.md", *PAGES, *(ROOT / "docs" / "templates").glob("*.j2")]
    code = [path for floor in ("theory", "numerics", "validation") for path in (ROOT / floor).rglob("*.py")]
    cards = (ROOT / "validation" / "models").rglob("*.md")
    everything = [*pages, ROOT / "CHANGELOG.md", *(ROOT / "notebooks").glob("*.ipynb"), *code, *cards]
    assert _found(UNCLEAR, everything) == []
    assert _found(UNCLEAR_ON_PAGES, [*pages, *(ROOT / "validation" / "cli").glob("*.py")]) == []


def test_names_of_the_notation_are_in_the_code():
    rows = (
        (ROOT / "docs" / "site" / "notation.md")
        .read_text()
        .partition("\n\n|")[2]
        .partition("\n\n")[0]
        .splitlines()
    )
    names = {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[2])}
    assert len(names) > 20
    code = "\n".join(
        path.read_text() for floor in ("theory", "validation") for path in (ROOT / floor).rglob("*.py")
    )
    # options are made of the names of arguments
    words = {name: name.removeprefix("--") for name in names}
    assert [name for name in sorted(names) if not re.search(rf"(?<!\w){words[name]}(?!\w)", code)] == []


def test_pages_fetch_nothing_and_name_real_commands():
    commands = {"predict", "curve", "verify", "diagram", "measure", "compare", "convert", "cite"}
    commands |= {"clock", "control", "fit", "plot"}
    for path in PAGES:
        text = path.read_text()
        assert "](http" not in text
        for command in re.findall(r"^speciation (\w+)", text, flags=re.MULTILINE):
            assert command in commands


@pytest.mark.slow
def test_site_builds_with_every_link_whole(tmp_path):
    """As in a fresh clone, where nothing has been laid out yet."""
    shutil.rmtree(ROOT / "build" / "layout", ignore_errors=True)
    program = Path(sys.executable).parent / "mkdocs"
    done = subprocess.run(
        [program, "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theorems = (tmp_path / "site" / "theorems" / "index.html").read_text()
    assert all(f'id="{name}"' in theorems for name in THEOREMS)
    for name, theorem in THEOREMS.items():
        shown = (tmp_path / "site" / "theorems" / name / "index.html").read_text()
        assert shown.count('class="step"') == len(theorem.derive())
    api = (tmp_path / "site" / "api" / "index.html").read_text()
    assert "path_entropy" in api
    estimators = (tmp_path / "site" / "api" / "validation.estimators" / "index.html").read_text()
    assert 'id="speciation.validation.estimators.path.path_entropy"' in estimators


def test_pages_show_shared_keywords_one_by_one(root):
    """A page of the API has the signature of `help`, and not `**options`."""
    path = root / "numerics" / "curves" / "entropy.py"
    extensions = griffe.load_extensions(f"{root / 'docs' / 'signatures.py'}:SharedKeywords")
    module = griffe.visit("speciation.numerics.curves.entropy", path, path.read_text(), extensions=extensions)
    shown = {each.name: each.default for each in module["entropy_curve"].parameters}
    own = inspect.signature(entropy_curve).parameters
    assert shown.keys() == own.keys()
    assert (shown["samples"], shown["points"]) == ("100000", "'random'")
    path = root / "validation" / "measurement" / "request.py"
    module = griffe.visit(
        "speciation.validation.measurement.request", path, path.read_text(), extensions=extensions
    )
    shown = {each.name: (each.default, str(each.annotation)) for each in module["measure"].parameters}
    assert shown.keys() == inspect.signature(measure).parameters.keys()
    assert shown["model"][0] is None
    assert shown["samples"] == ("None", "int | None")
