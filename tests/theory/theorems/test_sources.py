"""The bibliography: every entry parses, is complete and used, and costs nothing until it is asked for."""

import re
import subprocess
import sys

import pytest
from pybtex.database import parse_string
from speciation.theory.theorems import THEOREMS
from speciation.theory.theorems.sources import Source, bibliography, sources
from speciation.validation.verification.citation import cite

SHORT_NAME = re.compile(r"\b(?:A|B|C|D|G|GSV|H|HT|K|KA|LC|LW|M|PV|RA|S|W)\d\d\b")


def texts(root):
    """The packages' code and the README, by path."""
    paths = [path for floor in ("theory", "numerics", "validation") for path in (root / floor).rglob("*.py")]
    return {path: path.read_text() for path in [*paths, root / "README.md"]}


def test_entries_are_complete():
    for key, source in sources().items():
        assert (source.key, source.title[-1:].isalnum()) == (key, True)
        assert source.authors
        assert all(re.fullmatch(r"[^,]+, [^,]+", author) for author in source.authors)
        assert 1900 < source.year < 2100
        assert f"{source.year % 100:02}" == key[-2:]
        assert source.kind in ("article", "inproceedings", "book")
        assert "{" not in source.title + source.venue
    assert sources()["B24"] == Source(
        "B24",
        ("Biroli, Giulio", "Bonnaire, Tony", "de Bortoli, Valentin", "Mézard, Marc"),
        "Dynamical regimes of diffusion models",
        "Nature Communications 15:9957",
        2024,
        arxiv="2402.18491",
    )
    assert sources()["GSV05"].venue == "IEEE Transactions on Information Theory 51(4):1261-1282"


def test_every_entry_is_used_and_every_name_is_an_entry(root):
    of_theorems = {key for theorem in THEOREMS.values() for key in theorem.sources}
    named = {name for text in texts(root).values() for name in SHORT_NAME.findall(text)}
    assert of_theorems <= set(sources())
    assert set(sources()) == of_theorems | named
    assert SHORT_NAME.findall("Source: B24, GSV05; not B2 or K2024") == ["B24", "GSV05"]


@pytest.mark.parametrize("identifier", [i for i, theorem in THEOREMS.items() if theorem.sources])
def test_a_citation_is_the_entry_under_a_key_of_its_own(identifier):
    found = parse_string(cite("bibtex", identifier), "bibtex")
    wanted = [bibliography().entries[key] for key in THEOREMS[identifier].sources]
    assert list(found.entries.values()) == wanted
    assert all(re.fullmatch(r"[a-z]+\d{4}", key) for key in found.entries)


def test_it_is_read_on_first_use():
    code = (
        "import sys; import speciation.theory as t; t.theorems.by_id('T4').predict();"
        "loaded = 'pybtex' in sys.modules; t.theorems.by_id('T4').bibliography;"
        "print(loaded, 'pybtex' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_fields_are_fields_of_their_own():
    found = parse_string(cite("bibtex", "T8"), "bibtex").entries.values()
    (entry,) = [entry for entry in found if entry.fields.get("eprint") == "2602.09651"]
    wanted = {"volume": "306", "pages": "40295--40326", "archivePrefix": "arXiv", "primaryClass": "cs.LG"}
    assert {name: entry.fields[name] for name in wanted} == wanted
    (article,) = parse_string(cite("bibtex", "T3"), "bibtex").entries.values()
    wanted = {"volume": "51", "number": "4", "pages": "1261--1282", "doi": "10.1109/TIT.2005.844072"}
    assert {name: article.fields[name] for name in wanted} == wanted
    (software,) = parse_string(cite(), "bibtex").entries.values()
    assert re.fullmatch(r"\d{4}", software.fields["year"])
    assert software.fields["version"]
