"""γ at which the noised density of two classes gets its second mode, for any weights (T5).

With any shared covariance the stationary points of `p_t` lie on the line of the means, where the half
log-odds u obey `u = λ + γ tanh u`, `λ = ½ log(w/(1−w))`. A second maximum appears at the tangency
`γ sech² u = 1`:

    √(γ(γ−1)) − arcosh √γ = |λ|,        with  γ = cosh²(z/2):   sinh z − z = |log(w/(1−w))|.

At equal weights it is the pitchfork, γ = 1; otherwise a saddle-node.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Expr, Precise
from .._support.real_numbers import real_numbers, refuse_unless
from .._support.sympy_functions import at_precision, numeric, public_function
from .._support.untyped import mpmath as mp
from .._support.untyped import special
from .._support.untyped import sympy as sp

__all__ = ["SecondModeGamma", "second_mode_gamma"]

Array: TypeAlias = NDArray[np.float64]

_STEPS = 40  # of Newton's method, which falls by 1 a step from z ≤ 17 and then converges quadratically
_SMALL = 1.0  # z below which sinh z − z is summed, as it would cancel
_TERMS = 9


def second_mode_gamma(prior: ArrayLike = 0.5) -> Array:
    """The γ at which the noised density of two classes with a shared covariance gets its second mode.

    The root of `√(γ(γ−1)) − arcosh √γ = ½|log(w/(1−w))|`; 1 for equal weights, where it is the curvature
    criterion. Near them `γ − 1 ≈ (3|λ|/2)^{2/3}`, `λ = ½ log(w/(1−w))`.

    Parameters
    ----------
    prior : array_like
        Weight `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the same shape (a scalar for a scalar), ≥ 1, relative error below 1e-13.

    Raises
    ------
    ValueError
        A prior outside (0, 1).

    References
    ----------
    T5: the mean-field Ising magnet with coupling γ in the field λ.
    """
    prior_ = real_numbers(prior, "prior", finite=False)
    refuse_unless((prior_ > 0) & (prior_ < 1), prior_, "prior", "must lie strictly between 0 and 1")
    target = np.abs(special.logit(prior_))
    z = np.cbrt(6 * target)  # from above, as sinh z − z ≥ z³/6, so that no step of Newton's overshoots
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            step = (_sinh_less_z(z) - target) / (2 * np.sinh(z / 2) ** 2)
            z = z - np.where(target > 0, step, 0.0)
        return (1 + np.sinh(z / 2) ** 2)[()]


def _sinh_less_z(z: Array) -> Array:
    """`sinh z − z` for `z ≥ 0`, without cancellation."""
    bounded = np.minimum(z, _SMALL)
    total = np.ones_like(bounded)
    for n in range(_TERMS, 1, -1):
        total = 1 + total * bounded**2 / (2 * n * (2 * n + 1))
    return np.where(z < _SMALL, bounded**3 / 6 * total, np.sinh(z) - z)


def _precise(prior: Precise, digits: int = 30) -> Precise:
    """The same to `digits` digits, by Newton's method in mpmath."""
    with mp.workdps(3 * digits):  # sinh z − z cancels to the third power of z
        prior_ = mp.mpf(prior)
        target = abs(mp.log(prior_ / (1 - prior_)))
        z = mp.cbrt(6 * target)
        while target > 0:
            step = (mp.sinh(z) - z - target) / (mp.cosh(z) - 1)
            z -= step
            if abs(step) < z * mp.mpf(10) ** (-digits - 5):
                break
        return mp.cosh(z / 2) ** 2


class _SecondModeGamma(sp.Function):
    """`second_mode_gamma` as a SymPy function of w, 1 at w = ½.

    It can be differentiated and evaluated to any precision; `lambdify` makes it a function of arrays.

    Parameters
    ----------
    prior : SymPy expression
        Probability w of the first class.

    References
    ----------
    T5.
    """

    nargs = 1
    is_positive = True
    _imp_ = numeric(second_mode_gamma, _precise)

    # SymPy's hook for what a call stands for; nothing is parsed or executed by it
    @classmethod
    def eval(cls, prior: Expr) -> Expr:
        """At equal weights the pitchfork."""
        return sp.Integer(1) if prior == sp.Rational(1, 2) else None

    def _eval_evalf(self, prec: int) -> Expr:
        return at_precision(_precise, self.args, prec)

    def fdiff(self, argindex: int = 1) -> Expr:
        """`sign(w − ½)/(2w(1−w)√(1 − 1/γ))`, as `d|λ|/dγ = √(1 − 1/γ)`."""
        if argindex != 1:
            raise sp.core.function.ArgumentIndexError(self, argindex)
        arguments: tuple[Expr, ...] = self.args
        w, level = arguments[0], sp.sympify(self)
        return sp.sign(w - sp.Rational(1, 2)) / (2 * w * (1 - w) * sp.sqrt(1 - 1 / level))


SecondModeGamma: Expr = public_function(_SecondModeGamma, "SecondModeGamma")
