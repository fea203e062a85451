"""Trees of classes: a mean is a sum of offsets along a path from the root; partitions cut at a level (T15).

Classes are named by their paths, `"0/1"` for the second child of the first child of the root. With `shared`
offsets the children of every node at a level branch the same way, orthogonally to the other levels, and the
mixture is a product of independent factors; otherwise every node has directions of its own.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from .mixture import GaussianMixture

__all__ = ["level_partition", "named_partition", "tree"]


def tree(
    lengths2: Sequence[float],
    branching: Sequence[int],
    variance: float,
    *,
    shared: bool = True,
    dimension: int | None = None,
) -> GaussianMixture:
    """Classes at the leaves of a tree, equal weights, covariance `variance · I`.

    Parameters
    ----------
    lengths2 : sequence of float
        Squared length of the offsets at each level, from the root down.
    branching : sequence of int, as long
        Children of each node at each level, at least 2. Two children have offsets ±a with
        `|a|² = lengths2`; more have orthogonal offsets of that squared length.
    variance : float
        s².
    shared : bool
        Whether all nodes of a level branch along the same directions.
    dimension : int, optional
        At least the number of directions, which is the default.

    Returns
    -------
    GaussianMixture
        Labels are paths from the root, as "0/1".

    Raises
    ------
    ValueError
        For levels that do not match or a dimension that is too small.

    References
    ----------
    T15.
    """
    if len(lengths2) != len(branching) or not branching:
        raise ValueError("lengths2, branching: need one of each per level, at least one level")
    if min(branching) < 2 or not min(lengths2) > 0:
        raise ValueError("lengths2, branching: need lengths above 0, and at least two children for each node")
    paths = list(product(*(range(count) for count in branching)))
    directions: dict[tuple[int, ...], int] = {}
    rows: list[dict[int, float]] = []
    for path in paths:
        row: dict[int, float] = {}
        for level, child in enumerate(path):
            # a direction is named by its level, and by the parent unless parents share it
            parent = () if shared else path[:level]
            first = child if branching[level] > 2 else 0
            name = (level, first, *parent)
            sign = -1.0 if branching[level] == 2 and child == 1 else 1.0
            row[directions.setdefault(name, len(directions))] = sign * float(np.sqrt(lengths2[level]))
        rows.append(row)
    size = len(directions) if dimension is None else dimension
    if size < len(directions):
        raise ValueError(
            f"dimension: must be at least {len(directions)}, the number of directions, not {size}"
        )
    means = np.zeros((len(paths), size))
    for index, row in enumerate(rows):
        means[index, list(row)] = list(row.values())
    labels = ["/".join(map(str, path)) for path in paths]
    return GaussianMixture(np.full(len(paths), 1 / len(paths)), means, variance, labels)


def level_partition(mixture: GaussianMixture, level: int) -> dict[str, tuple[str, ...]]:
    """Groups of the classes of a tree whose paths agree down to a level.

    Parameters
    ----------
    mixture : GaussianMixture
        Its labels are paths, as "0/1/1" of `tree`.
    level : int
        From 1, the choice at the root, to the depth of the tree.

    Returns
    -------
    dict from group names to tuples of labels

    Raises
    ------
    ValueError
        Labels that are no paths, or no such level.

    References
    ----------
    T15.
    """
    paths = [label.split("/") for label in mixture.labels]
    depths = {len(path) for path in paths}
    if len(depths) != 1 or not 1 <= level <= min(depths):
        depth = f"paths of {min(depths)} levels" if len(depths) == 1 else "paths of unequal depth"
        raise ValueError(f"partition: no level {level}; the classes are named by {depth}")
    groups: dict[str, list[str]] = {}
    for path, label in zip(paths, mixture.labels, strict=True):
        groups.setdefault("/".join(path[:level]), []).append(label)
    return {name: tuple(members) for name, members in groups.items()}


def named_partition(mixture: GaussianMixture, name: str) -> Mapping[str, tuple[str, ...]]:
    """`groups` is the mixture's own partition; `level1`, `level2`, … cut its tree.

    Raises
    ------
    ValueError
        For another name, or one that the mixture does not have.
    """
    if name == "groups":
        if mixture.partition is None:
            raise ValueError("partition: the mixture has no groups of classes")
        return mixture.partition
    level = name.removeprefix("level")
    if not name.startswith("level") or not level.isdecimal():
        raise ValueError(f"partition: {name!r} is neither groups nor level1, level2, ...")
    return level_partition(mixture, int(level))
