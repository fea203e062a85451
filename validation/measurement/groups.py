"""Groups of a model's classes, of which the decision is measured instead of the classes' own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from ...theory._support.json_files import read_json
from ...theory._support.one_line import one_line
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.mixtures.partition import checked_partition
from .subjects import Subject

__all__ = ["Partition", "grouped", "in_groups", "read_partition"]

Partition = Mapping[str, Sequence[str]]

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


def grouped(subject: Subject, partition: Partition) -> Subject:
    """The subject with its groups, and of its classes those that are in one.

    Raises `ValueError` for a class that the subject has not, one that is in two groups, and fewer than two
    groups.
    """
    own = [label for group in partition.values() for label in group]
    unknown = [label for label in own if label not in subject.conditions]
    if unknown:
        few = ", ".join(subject.conditions[:12])
        raise ValueError(f"partition: {unknown[0]!r} is not a class of the model; there are {few}")
    groups = checked_partition(partition, tuple(dict.fromkeys(own)))
    if groups is None or len(groups) < 2:
        raise ValueError("partition: needs at least two groups")
    predict = None if subject.predict is None else _in_groups_of(subject.predict, groups)
    whole = subject.exhaustive and set(own) == set(subject.conditions)
    return replace(subject, conditions=tuple(own), groups=groups, predict=predict, exhaustive=whole)


def in_groups(mixture: GaussianMixture, partition: Partition | None) -> GaussianMixture:
    """The mixture with this partition in place of its own, if it is of its classes."""
    members = () if partition is None else [label for group in partition.values() for label in group]
    if partition is None or set(members) != set(mixture.labels):
        return mixture
    parts: dict[str, Any] = {"labels": mixture.labels, "partition": partition}
    return GaussianMixture(mixture.weights, mixture.means, mixture.covariances, **parts)


def _in_groups_of(
    predict: Callable[[Sequence[str]], GaussianMixture], partition: Partition
) -> Callable[[Sequence[str]], GaussianMixture]:
    return lambda classes: in_groups(predict(classes), partition)
