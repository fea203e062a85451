"""The symbols of the theory's expressions, to substitute for and to differentiate by.

They have no assumptions, so that `subs({"M": 4})` finds them by name as well.
"""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp

__all__ = ["M", "d", "gamma", "gamma_c", "mu", "omega", "s2", "w"]

M: Expr = sp.Symbol("M")
"""`M = |δ|²`, the squared half distance of two means."""
s2: Expr = sp.Symbol("s2")
"""`s²`, the variance of each class."""
d: Expr = sp.Symbol("d")
"""Dimension."""
mu: Expr = sp.Symbol("mu")
"""μ, half the distance of the means in each coordinate: `M = μ²d`."""
gamma: Expr = sp.Symbol("gamma")
"""γ, the squared half distance of two means in units of the noised covariance."""
gamma_c: Expr = sp.Symbol("gamma_c")
"""The level γ_c of a criterion."""
omega: Expr = sp.Symbol("omega")
"""ω, the weight of classifier-free guidance."""
w: Expr = sp.Symbol("w")
"""Weight of the first class."""
