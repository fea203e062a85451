"""How to cite the toolkit and the source of a theorem: BibTeX, APA and CFF."""

import re
import unicodedata
from importlib import metadata

import yaml

from ...theory._support.aliases import Fields
from ...theory.theorems import by_id
from ...theory.theorems.sources import Source, bibliography

__all__ = ["FORMATS", "cite"]

FORMATS = ("bibtex", "apa", "cff")
"""Known citation formats."""


def cite(style: str = "bibtex", theorem: str | None = None) -> str:
    """Citation of the toolkit or, with `theorem`, of the sources of that theorem.

    A theorem derived here cites the toolkit.

    Raises
    ------
    ValueError
        For an unknown format or theorem.
    """
    if style not in FORMATS:
        raise ValueError(f"format: {style!r} is not one of {', '.join(FORMATS)}")
    sources = by_id(theorem).bibliography if theorem else ()
    if style == "cff":
        return _cff(sources)
    entries = [_BIBLIOGRAPHY[style](source) for source in sources]
    return "\n\n".join(entries or [_SOFTWARE[style](_software())])


def _citation_file() -> str:
    """`CITATION.cff` as the installed package carries it, beside its licence."""
    files = metadata.distribution("speciation").files or []
    for file in files:
        if file.name == "CITATION.cff":
            return file.read_text(encoding="utf-8")
    raise ValueError("CITATION.cff: missing from the installed package; reinstall it")


def _software() -> Fields:
    return yaml.safe_load(_citation_file())


def _software_bibtex(software: Fields) -> str:
    from pybtex.database import Entry, Person

    names = [Person("{" + person["name"] + "}") for person in software["authors"]]
    fields = {
        "title": "{" + software["title"] + "}",
        "year": str(software["date-released"])[:4],
        **{key: software[key] for key in ("version", "license")},
        **({"url": software["repository-code"]} if "repository-code" in software else {}),
    }
    return _bibtex("speciation", Entry("software", fields, {"author": names}))


def _software_apa(software: Fields) -> str:
    author = ", ".join(person["name"] for person in software["authors"])
    year, address = str(software["date-released"])[:4], software.get("repository-code", "")
    about = f"{author} ({year}). {software['title']} (Version {software['version']}) [Computer software]."
    return f"{about} {address}".rstrip()


def _source_bibtex(source: Source) -> str:
    family = unicodedata.normalize("NFKD", source.authors[0].split(",")[0])
    key = re.sub(r"[^a-z]", "", family.encode("ascii", "ignore").decode().lower()) + str(source.year)
    return _bibtex(key, bibliography().entries[source.key])


def _bibtex(key: str, entry: object) -> str:
    from pybtex.database import BibliographyData

    return BibliographyData({key: entry}).to_string("bibtex").rstrip("\n")


def _source_apa(source: Source) -> str:
    names = [_initials(author) for author in source.authors]
    authors = names[0] if len(names) == 1 else ", ".join(names[:-1]) + ", & " + names[-1]
    place = f" {source.url}" if source.url else ""
    return f"{authors} ({source.year}). {source.title}. {source.venue}.{place}"


def _initials(author: str) -> str:
    family, given = (part.strip() for part in author.split(",", 1))
    return f"{family}, {' '.join(name[0] + '.' for name in given.split())}"


def _cff(sources: tuple[Source, ...]) -> str:
    if not sources:
        return _citation_file().rstrip("\n")
    content = _software() | {"references": [_cff_reference(source) for source in sources]}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip("\n")


def _cff_reference(source: Source) -> Fields:
    people = [
        dict(zip(("family-names", "given-names"), author.split(", ", 1), strict=True))
        for author in source.authors
    ]
    entry: Fields = {
        "type": _CFF_TYPES[source.kind],
        "title": source.title,
        "authors": people,
        "year": source.year,
    }
    if source.kind == "book":
        entry["publisher"] = {"name": source.venue}
    else:
        entry["journal" if source.kind == "article" else "collection-title"] = source.venue
    if source.url:
        entry["url"] = source.url
    return entry


_CFF_TYPES = {"article": "article", "inproceedings": "conference-paper", "book": "book"}
_BIBLIOGRAPHY = {"bibtex": _source_bibtex, "apa": _source_apa}
_SOFTWARE = {"bibtex": _software_bibtex, "apa": _software_apa}
