"""Make the table of ImageNet's classes.

    python -m speciation.validation.models.imagenet_table SYNSETS NOUNS OUT

SYNSETS lists the identifiers of the thousand classes in the order of their numbers, a line each; it is
`timm/data/_info/imagenet_synsets.txt` of `timm` (tried with 1.0.20). NOUNS is `data.noun` of WordNet 3.0,
which Debian's package `wordnet-base` puts into `/usr/share/wordnet`. Into the folder OUT go `synsets.tsv`, a
line for each class and everything above one (identifier, lemmas, hypernyms, class number), and `LICENSE`.
"""

import re
import sys
from pathlib import Path

from ...numerics.runs.atomic_files import prepare_directory, write_text

__all__ = ["HEADER", "licence_of", "main", "nouns_of", "table"]

HEADER = "synset\tlemmas\thypernyms\tclass\n"
_ABOUT = """The table in synsets.tsv is made from WordNet 3.0 (https://wordnet.princeton.edu) by
validation/models/imagenet_table.py: the synsets of ImageNet's thousand classes and
all their hypernyms. Its licence:

"""
_ABOVE = ("@", "@i")  # hypernym, and the class of an instance

Nouns = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def nouns_of(text: str) -> Nouns:
    """Lemmas and hypernyms of each synset of a `data.noun`, by identifier (`n` and its place in the file).

    A line is `offset file type count (word id)… count (symbol offset type source)… | gloss`, the first count
    in hexadecimal digits; lines that begin with blanks are the licence.
    """
    found: Nouns = {}
    for line in text.splitlines():
        if line.startswith("  "):
            continue
        offset, _, _, count, *rest = line.partition("|")[0].split()
        words = 2 * int(count, 16)
        pointers = rest[words + 1 :]
        above = [pointers[k + 1] for k in range(0, 4 * int(rest[words]), 4) if pointers[k] in _ABOVE]
        lemmas = tuple(word.replace("_", " ") for word in rest[:words:2])
        found[f"n{offset}"] = lemmas, tuple(f"n{place}" for place in above)
    return found


def licence_of(text: str) -> str:
    """WordNet's licence, which stands at the head of each of its files with numbered lines."""
    head = [line for line in text.splitlines() if line.startswith("  ")]
    return _ABOUT + "\n".join(re.sub(r"^ +\d+ ?", "", line).rstrip() for line in head).strip() + "\n"


def table(classes: list[str], nouns: Nouns) -> str:
    """The lines of `synsets.tsv`, in the order of identifiers."""
    needed, waiting = set[str](), list(classes)
    while waiting:
        synset = waiting.pop()
        if synset not in needed:
            needed.add(synset)
            waiting += nouns[synset][1]
    numbers = {synset: str(number) for number, synset in enumerate(classes)}
    rows = [
        "\t".join([synset, ", ".join(nouns[synset][0]), " ".join(nouns[synset][1]), numbers.get(synset, "")])
        for synset in sorted(needed)
    ]
    return HEADER + "\n".join(rows) + "\n"


def main(synsets: str, nouns: str, out: str) -> None:
    """Write the table and its licence."""
    classes, text = Path(synsets).read_text(encoding="ascii").split(), Path(nouns).read_text(encoding="utf-8")
    folder = prepare_directory(Path(out))
    write_text(folder / "synsets.tsv", table(classes, nouns_of(text)))
    write_text(folder / "LICENSE", licence_of(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
