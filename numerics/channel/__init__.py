"""Entropies and agreement of classes as functions of JAX: jit, vmap, and derivatives of every order.

Of two classes that share a covariance: `binary_entropy`, `log_binary_entropy`, `binary_mmse` and
`clone_agreement` (T2 to T4). Of any two Gaussian classes: `gaussian_pair_entropy` and
`gaussian_pair_disagreement` (T24). Of many orthogonal ones: `orthogonal_entropy` and
`orthogonal_disagreement` (T13). The values are those of `speciation.theory`. They take and return arrays, in
single or double precision, whichever comes in; sums run in double precision inside.
Derivatives follow from theorems, `dH/dγ = −½ mmse` (T3) and the heat equation of the averages (T9), or are
those of an integral's terms on a path that stays where it is (T24).

Numbers out of range raise `ValueError`; where there is no value yet, under jit, grad or vmap, they give NaN.
"""

from .binary import binary_entropy, binary_mmse, clone_agreement, log_binary_entropy
from .gaussian_pair import gaussian_pair_disagreement, gaussian_pair_entropy
from .orthogonal import orthogonal_disagreement, orthogonal_entropy

__all__ = [
    "binary_entropy",
    "binary_mmse",
    "clone_agreement",
    "gaussian_pair_disagreement",
    "gaussian_pair_entropy",
    "log_binary_entropy",
    "orthogonal_disagreement",
    "orthogonal_entropy",
]
