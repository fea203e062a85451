"""Groups of classes: a partition of the labels, given by hand or cut from a tree of paths (T15)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._support.values import FrozenMapping

__all__ = ["checked_partition", "is_list_of_strings"]


def is_list_of_strings(value: object) -> bool:
    """Whether `value` is a collection of strings, and no string itself."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return False
    items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
    return all(isinstance(item, str) for item in items)


def checked_partition(
    partition: Mapping[str, Sequence[str]] | None, labels: tuple[str, ...]
) -> Mapping[str, tuple[str, ...]] | None:
    """The partition as an immutable mapping; `ValueError` unless it holds every class once."""
    if partition is None:
        return None
    if not isinstance(partition, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError("partition: need a mapping from group names to lists of class names")
    if not all(is_list_of_strings(group) for group in partition.values()):
        raise ValueError("partition: each group is a list of class names")
    groups = {str(name): tuple(group) for name, group in partition.items()}
    known, members = set(labels), set[str]()
    for label in (label for group in groups.values() for label in group):
        if label not in known:
            raise ValueError(f"partition: {label!r} is not a class")
        if label in members:
            raise ValueError(f"partition: class {label!r} is in more than one group")
        members.add(label)
    missing = [label for label in labels if label not in members]
    if missing:
        raise ValueError(f"partition: class {missing[0]!r} is in no group")
    return FrozenMapping(groups)
