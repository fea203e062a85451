"""Where each statement comes from: the bibliography that theorems and `speciation cite` share.

It is `sources.bib` at the top of `theory`, an entry for each source, and is read on first use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["Source", "bibliography", "sources"]

_FILE = Path(__file__).resolve().parent.parent / "sources.bib"


@dataclass(frozen=True)
class Source:
    """A published source; `venue` names the journal with volume and pages, the conference or publisher."""

    key: str
    authors: tuple[str, ...]
    """`Family, Given` in the order of publication."""
    title: str
    venue: str
    year: int
    kind: str = "article"
    """`article` for a journal or preprint, `inproceedings` for a conference, `book`."""
    arxiv: str | None = None
    doi: str | None = None

    @property
    def url(self) -> str | None:
        """DOI resolver or arXiv page, if either is known."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else None


@cache
def bibliography() -> Any:
    """`sources.bib` as pybtex's `BibliographyData`."""
    from pybtex import database  # pyright: ignore[reportMissingTypeStubs]

    reader: Any = database
    return reader.parse_file(str(_FILE), "bibtex")


@cache
def sources() -> Mapping[str, Source]:
    """Sources by short name."""
    return MappingProxyType({key: _source(key, entry) for key, entry in bibliography().entries.items()})


def _source(key: str, entry: Any) -> Source:
    fields = entry.fields
    return Source(
        key,
        tuple(str(person) for person in entry.persons["author"]),
        fields["title"].strip("{}"),
        _venue(fields),
        int(fields["year"]),
        entry.type,
        fields.get("eprint"),
        fields.get("doi"),
    )


def _venue(fields: Any) -> str:
    """`Journal 15:9957` or `Journal 51(4):1261-1282`; its name alone without a volume."""
    where = str(fields.get("journal") or fields.get("booktitle") or fields["publisher"])
    if "volume" not in fields:
        return where
    number = f"({fields['number']})" if "number" in fields else ""
    pages = f":{fields['pages'].replace('--', '-')}" if "pages" in fields else ""
    series = f"{where}, PMLR" if "series" in fields else where
    return f"{series} {fields['volume']}{number}{pages}"
