"""Mixtures and their covariances as trees of arrays, for JAX's transformations and optimisers.

Leaves are the weights, the means and the numbers of each covariance; names and groups are structure. What
a transformation puts in place of a leaf is kept as it is, without the checks of a constructor: where numbers
are known again, `GaussianMixture(m.weights, m.means, m.covariances, m.labels)` checks them.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from ...theory._support.aliases import Tree
from ...theory._support.values import FrozenMapping
from ...theory.mixtures.covariance import Diagonal, Full, Isotropic, LowRank
from ...theory.mixtures.mixture import GaussianMixture

__all__ = ["register_with_jax"]

_LEAVES: dict[type, tuple[str, ...]] = {
    Isotropic: ("variance",),
    Diagonal: ("diagonal",),
    Full: ("matrix",),
    LowRank: ("diagonal", "factors"),
    GaussianMixture: ("weights", "means", "covariances"),
}


def register_with_jax() -> None:
    """Register now if JAX is loaded, and as soon as it is otherwise: loading it takes a second."""
    if "jax" in sys.modules:
        _register()
    elif not any(isinstance(finder, _WhenLoaded) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenLoaded())


def _register() -> None:
    from jax import tree_util

    for kind, names in _LEAVES.items():
        try:
            tree_util.register_pytree_with_keys(kind, *_functions_of(kind, names, tree_util.GetAttrKey))
        except ValueError as error:  # registered before
            if "uplicate" not in str(error):
                raise


def _functions_of(kind: type, names: tuple[str, ...], key_of: Tree) -> tuple[Tree, Tree, Tree]:
    """What a tree of this kind is flattened with, with keys and without, and put together by."""

    def leaves(tree: Tree) -> tuple[Tree, ...]:
        values = (getattr(tree, name) for name in names)
        return tuple(np.asarray(value) if isinstance(value, float) else value for value in values)

    def structure(tree: Tree) -> Tree:
        if kind is GaussianMixture:
            groups = None if tree.partition is None else tuple(tree.partition.items())
            return tree.labels, groups
        return tree.rounding if kind is Full else None

    def with_keys(tree: Tree) -> tuple[Tree, Tree]:
        keys = (key_of(name) for name in names)
        return tuple(zip(keys, leaves(tree), strict=True)), structure(tree)

    def without(tree: Tree) -> tuple[Tree, Tree]:
        return leaves(tree), structure(tree)

    def together(held: Tree, parts: Tree) -> Tree:
        tree = object.__new__(kind)
        values = dict(zip(names, parts, strict=True))
        if kind is GaussianMixture:
            labels, groups = held
            values |= {"labels": labels, "partition": None if groups is None else FrozenMapping(dict(groups))}
        elif kind is Full:
            values |= {"rounding": held}
        for name, value in values.items():
            object.__setattr__(tree, name, value)
        return tree

    return with_keys, together, without


class _WhenLoaded(MetaPathFinder):
    """Waits for the first import of JAX, finds it as usual, and registers once it is there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "jax":
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = find_spec("jax")
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenRegister(spec.loader)
        return spec


class _ThenRegister(Loader):
    """A loader that registers when the module is there."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Tree:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _register()
