"""Groups of a model's classes, of which the decision is measured instead of the classes' own.

`F.json` holds lists of classes by group; `imagenet:dog,cat` takes for each name what lies below it in
WordNet, and for `rest` what lies below none of the others.

Of large groups `members` can stand for the rest: m classes S drawn of each group G without replacement, with
its whole probability, `p_S(x|G) = Σ_{c∈S} w_c p(x|c) / Σ_{c∈S} w_c`. The information I(G; X) is convex in
p(x|G), and the average of p_S over draws is p for equal weights, so that the measured entropy is on average
too low, by less the more are drawn, and by nothing when all are: the bias is of order `1/m − 1/|G|`. Two runs
of m and m/2 show it, and `H_m + (H_m − H_{m/2})(1 − m/|G|)` removes its first order. The errors of a run are
those of its own classes; other seeds draw others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from ...theory._support.aliases import Fields, ReadFields
from ...theory._support.json_files import read_json
from ...theory._support.one_line import one_line
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.mixtures.partition import checked_partition
from ..models.imagenet_classes import COUNT, groups_of, is_imagenet
from .subjects import Subject

__all__ = [
    "IMAGENET",
    "Partition",
    "drawn_members",
    "extrapolation_factor",
    "group_weights",
    "grouped",
    "imagenet_groups",
    "in_groups",
    "read_partition",
]

Partition = Mapping[str, Sequence[str]]

IMAGENET = "imagenet:"

_PARTITION = TypeAdapter(dict[str, Annotated[list[str], Field(min_length=1)]])


def read_partition(path: str | Path) -> Partition:
    """Groups from a JSON file of class lists by name; `ValueError` with one line for anything else."""
    try:
        return _PARTITION.validate_python(read_json(Path(path)), strict=True)
    except ValidationError:
        need = 'an object of class lists by name, such as {"tops": ["shirt", "coat"], "shoes": ["boot"]}'
        raise ValueError(f"partition: {path}: must be {need}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"partition: {path}: cannot be read: {one_line(error)}") from None


def imagenet_groups(subject: Subject, asked: str) -> Partition:
    """Classes of a model of ImageNet below each name of `imagenet:NAME,NAME[,rest]`.

    Raises
    ------
    ValueError
        For a model of other classes, and as `groups_of` for the names.
    """
    if not is_imagenet(subject.conditions, subject.names):
        count = len(subject.conditions)
        this = f"{count} others"
        if count == COUNT and subject.names is None:
            this = f"{count} without names: its `names` (of a pipeline `id2label`) say which they are"
        raise ValueError(
            f"partition: {IMAGENET} is of a model of ImageNet's {COUNT} classes; this has {this}"
        )
    names = [name.strip() for name in asked.removeprefix(IMAGENET).split(",")]
    return {name: [subject.conditions[number] for number in own] for name, own in groups_of(names).items()}


def grouped(subject: Subject, partition: Partition, members: int | None = None, seed: int = 0) -> Subject:
    """The subject with its groups, and of its classes, by name or number, those that are in one.

    Of groups of more classes than `members`, so many are drawn, and have the group's probability.

    Raises
    ------
    ValueError
        For a class that the subject has not, one that is in two groups, and fewer than two groups.
    """
    partition = {name: [_condition(subject, each) for each in group] for name, group in partition.items()}
    own = [label for group in partition.values() for label in group]
    groups = checked_partition(partition, tuple(dict.fromkeys(own)))
    if groups is None or len(groups) < 2:
        raise ValueError("partition: needs at least two groups")
    predict = None if subject.predict is None else _in_groups_of(subject.predict, groups)
    whole = subject.exhaustive and set(own) == set(subject.conditions)
    found = replace(subject, conditions=tuple(own), groups=groups, predict=predict, exhaustive=whole)
    return found if members is None else _thinned(found, groups, members, seed)


def _thinned(subject: Subject, groups: Partition, members: int, seed: int) -> Subject:
    """The subject with up to `members` classes of each group; nothing predicts their curve."""
    random, drawn, weights = np.random.default_rng(seed), dict[str, list[str]](), dict[str, float]()
    for name, own in groups.items():
        chosen = sorted(random.choice(len(own), min(members, len(own)), replace=False).tolist())
        drawn[name] = [own[int(place)] for place in chosen]
        held = {c: 1.0 if subject.weights is None else subject.weights[c] for c in own}
        share = sum(held.values()) / sum(held[c] for c in drawn[name])
        weights |= {c: share * held[c] for c in drawn[name]}
    if all(len(drawn[name]) == len(own) for name, own in groups.items()):
        return subject
    sizes = {name: len(own) for name, own in groups.items()}
    left = tuple(c for own in drawn.values() for c in own)
    return replace(
        subject, conditions=left, groups=drawn, weights=weights, predict=None, exhaustive=False, sizes=sizes
    )


def drawn_members(subject: Subject) -> Fields:
    """How many classes of each group were drawn, of how many, and what that does; nothing if all are there.

    `members` are the counts by group, with the classes that were drawn; `members_note` says the sign and
    order of the bias, and what the errors are of.
    """
    if subject.sizes is None or subject.groups is None:
        return {}
    drawn = {
        name: {"drawn": len(own), "of": subject.sizes[name], "classes": list(own)}
        for name, own in subject.groups.items()
    }
    return {"members": drawn, "members_note": _note(drawn)}


def _note(drawn: Mapping[str, ReadFields]) -> str:
    counts = ", ".join(f"{name} {each['drawn']} of {each['of']}" for name, each in drawn.items())
    large = max(drawn.values(), key=lambda each: 1 / each["drawn"] - 1 / each["of"])
    m, size = large["drawn"], large["of"]
    other = m // 2 if m > 1 else 2
    factor = extrapolation_factor(m, other, size)
    return (
        f"classes were drawn of the groups ({counts}): on average over draws the entropy is too low, and the "
        f"group decided too early, by c (1/{m} - 1/{size}); one run does not tell c, and with another of "
        f"{other} members H_{m} {factor:+.3g} (H_{m} - H_{other}) is without it. Errors are those of the "
        "classes drawn; other seeds draw others"
    )


def extrapolation_factor(drawn: int, other: int, size: int) -> float:
    """What `H_drawn − H_other` is to be multiplied by to take the first order of the bias off `H_drawn`.

    From `H_m = H − c(1/m − 1/size)`; of half as many, `1 − m/size`.
    """
    return (1 / drawn - 1 / size) / (1 / other - 1 / drawn)


def group_weights(subject: Subject, classes: Sequence[str]) -> list[float] | None:
    """Probabilities of the groups, or without groups of the classes; `None` for equal classes."""
    prior = subject.prior(classes)
    if subject.groups is None:
        return prior
    each = dict(zip(classes, prior or [1 / len(classes)] * len(classes), strict=True))
    return [sum(each[name] for name in own) for own in subject.groups.values()]


def _condition(subject: Subject, name: str) -> str:
    found = subject.condition(name, "partition")
    if found is None:
        few = ", ".join(map(subject.shown, subject.conditions[:12]))
        raise ValueError(f"partition: {name!r} is not a class of the model; there are {few}")
    return found


def in_groups(mixture: GaussianMixture, partition: Partition | None) -> GaussianMixture:
    """The mixture with this partition in place of its own, if it is of its classes."""
    members = () if partition is None else [label for group in partition.values() for label in group]
    if partition is None or set(members) != set(mixture.labels):
        return mixture
    parts: Fields = {"labels": mixture.labels, "partition": partition}
    return GaussianMixture(mixture.weights, mixture.means, mixture.covariances, **parts)


def _in_groups_of(
    predict: Callable[[Sequence[str]], GaussianMixture], partition: Partition
) -> Callable[[Sequence[str]], GaussianMixture]:
    return lambda classes: in_groups(predict(classes), partition)
