"""ImageNet's thousand classes and what is above them: names and hypernyms of WordNet 3.0.

Networks of ImageNet number their classes in the order of the synsets' identifiers. `synsets.tsv`, which
`imagenet_table` made, holds the classes and all their hypernyms; a group is what lies below one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from .._support.class_names import ClassNames

__all__ = ["COUNT", "Synset", "class_names", "groups_of", "is_imagenet", "synsets"]

COUNT = 1000
_TABLE = Path(__file__).parent / "imagenet" / "synsets.tsv"
_REST = "rest"
_ALIKE = 0.9  # share of the classes whose names have to be ImageNet's


@dataclass(frozen=True)
class Synset:
    """A class of ImageNet, with its number, or one above: lemmas, and the identifiers of its hypernyms."""

    identifier: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]
    number: int | None


@cache
def synsets() -> Mapping[str, Synset]:
    """Every synset of the table by its identifier, `n` and eight digits."""
    found: dict[str, Synset] = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines()[1:]:
        identifier, lemmas, above, number = line.split("\t")
        row = identifier, tuple(lemmas.split(", ")), tuple(above.split()), int(number) if number else None
        found[identifier] = Synset(*row)
    return found


@cache
def class_names() -> ClassNames:
    """Lemmas and identifiers of the classes, by number."""
    own = {str(s.number): s for s in synsets().values() if s.number is not None}
    return ClassNames({n: s.lemmas for n, s in own.items()}, {n: s.identifier for n, s in own.items()})


def is_imagenet(conditions: Sequence[str], names: ClassNames | None) -> bool:
    """Whether classes are ImageNet's in order: a thousand, of which nine in ten have a name of its own.

    A thousand classes without names could be anything.
    """
    if len(conditions) != COUNT or names is None:
        return False
    if names is class_names():
        return True
    known = class_names().names
    pairs = [(names.names.get(c, ()), known[str(n)]) for n, c in enumerate(conditions)]
    alike = sum(bool({a.casefold() for a in own} & {b.casefold() for b in theirs}) for own, theirs in pairs)
    return alike >= _ALIKE * COUNT


def groups_of(names: Sequence[str]) -> dict[str, list[int]]:
    """Class numbers below each synset named, and of "rest", if it is among the names, those below none.

    A name that several synsets have is that of the one whose first name it is.

    Raises
    ------
    ValueError
        For a name that is none or is first of several, and for two groups with a class in both.
    """
    found = {name: _below(_synset(name)) for name in names if name != _REST}
    if len(found) + (_REST in names) < len(names):
        raise ValueError("partition: a group is named twice")
    owner: dict[int, str] = {}
    for name, numbers in found.items():
        for number in numbers:
            if number in owner:
                both = len(set(numbers) & set(found[owner[number]]))
                example = class_names().shown(str(number))
                two = f"{owner[number]!r} and {name!r}"
                raise ValueError(f"partition: {two} overlap: {both} classes, as {example}, are in both")
            owner[number] = name
    if _REST not in names:
        return found
    rest = [number for number in range(COUNT) if number not in owner]
    if not rest:
        raise ValueError(f"partition: {_REST!r} is empty: the other groups hold every class")
    return {name: found.get(name, rest) for name in names}


@cache
def _by_name() -> dict[str, list[Synset]]:
    found: dict[str, list[Synset]] = {}
    for synset in synsets().values():
        for name in dict.fromkeys(lemma.casefold() for lemma in synset.lemmas):
            found.setdefault(name, []).append(synset)
    return found


def _synset(name: str) -> Synset:
    """The synset that a name or an identifier means."""
    if name in synsets():
        return synsets()[name]
    own = _by_name().get(name.casefold(), [])
    first = [synset for synset in own if synset.lemmas[0].casefold() == name.casefold()]
    chosen = own if len(own) == 1 else first
    if len(chosen) == 1:
        return chosen[0]
    if own:
        which = " and ".join(f"{s.identifier} ({', '.join(s.lemmas[:3])})" for s in own)
        raise ValueError(f"partition: {name!r} is the name of {which}; say which of these")
    near = get_close_matches(name.casefold(), _by_name(), n=3, cutoff=0.75)
    hint = f"; near it are {', '.join(near)}" if near else ""
    raise ValueError(f"partition: {name!r} is no class of ImageNet and nothing above one{hint}")


@cache
def _children() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for synset in synsets().values():
        for above in synset.hypernyms:
            found.setdefault(above, []).append(synset.identifier)
    return found


def _below(top: Synset) -> list[int]:
    """Numbers of the classes at or below a synset, ascending."""
    seen, waiting = set[str](), [top.identifier]
    while waiting:
        identifier = waiting.pop()
        if identifier not in seen:
            seen.add(identifier)
            waiting += _children().get(identifier, ())
    numbers = (synsets()[identifier].number for identifier in seen)
    return sorted(number for number in numbers if number is not None)
