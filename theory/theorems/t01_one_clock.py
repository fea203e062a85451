"""T1: the class entropy depends on the schedule only through σ, and what that means for rates."""

from typing import Any

import numpy as np

from .. import schedules
from .._support.untyped import sympy as sp
from ..channel.constants import peak_gamma
from ._base import Argument, Block, Identity, Theorem

SEPARATION2, VARIANCE = 64.0, 1.5
"""The mixture whose numbers are predicted: `M = |δ|²` and `s²`."""
EXAMPLE_SIGMA = 6.0
"""The ratio σ at which the clocks are read."""
EXAMPLE_SHARE = 0.25
"""Share of that reading at which σ is predicted."""


def derivation() -> tuple[Block, ...]:
    """Posterior invariance, the inverse of each clock, and the two Jacobians."""
    return (_invariance(), *_inverses(), *_rates())


def predict() -> dict[str, float]:
    """Clocks read at `EXAMPLE_SIGMA`, σ at a share of the reading, log σ at the peak in two clocks."""
    times: dict[str, float] = {}
    for name, clock in schedules.CLOCKS.items():
        time = float(clock.time(EXAMPLE_SIGMA))
        times |= {f"{name} time": time, f"{name} sigma": float(clock.sigma(EXAMPLE_SHARE * time))}
    per_ou_time = peak_gamma((1 - VARIANCE) / SEPARATION2)
    per_log_sigma = peak_gamma(-VARIANCE / SEPARATION2)
    return times | {
        "log sigma at the peak per OU time": _log_sigma(float(per_ou_time)),
        "log sigma at the peak per log sigma": _log_sigma(float(per_log_sigma)),
    }


def _log_sigma(gamma: float) -> float:
    return float(0.5 * np.log(SEPARATION2 / gamma - VARIANCE))


def _invariance() -> Identity:
    a, b, s2 = sp.symbols("a b s2", positive=True)
    y, mean = sp.symbols("y m", real=True)

    def log_density(x: Any, m: Any, v: Any) -> Any:
        return -((x - m) ** 2) / (2 * v) - sp.log(2 * sp.pi * v) / 2

    noised = log_density(a * y, a * mean, a**2 * s2 + b**2)
    # the same for every class: it drops out of the posterior
    change_of_volume = -sp.log(a)
    in_sigma = log_density(y, mean, s2 + (b / a) ** 2)
    return Identity(
        "log-density of aX₀ + bZ is that of X₀ + σZ up to a term without the class",
        sp.expand_log(sp.expand(noised - in_sigma), force=True).simplify(),
        change_of_volume,
    )


def _inverses() -> tuple[Identity, ...]:
    sigma = sp.Symbol("sigma", positive=True)
    algebraic = (schedules.OrnsteinUhlenbeck(), schedules.Cosine(), schedules.FlowMatching())
    identities = [
        Identity(
            f"{clock.name}: σ(time(σ))² = σ²",
            sp.expand(sp.cancel(clock.sigma_expression(clock.time_expression(sigma)) ** 2)),
            sigma**2,
        )
        for clock in algebraic
    ]
    return (
        *identities,
        _quadratic_inverse(),
        _discrete_inverse(),
        Argument(
            "The invariance is shown coordinate by coordinate in the eigenbasis of each class covariance."
        ),
    )


def _quadratic_inverse() -> Identity:
    """VP-linear, with the square root of its inverse as the variable, so that all is rational."""
    clock, ou = schedules.VPLinear(), schedules.OrnsteinUhlenbeck()
    root = sp.Symbol("q", positive=True)
    start, slope = clock.rate_expression()
    ou_time = (root**2 - start**2) / (4 * slope)
    time = clock.time_expression(ou.sigma_expression(ou_time)).simplify()
    back = sp.log(1 + clock.sigma_expression(time) ** 2) / 2
    return Identity("vp-linear: t(s(t)) = t", sp.cancel(sp.simplify(back)), sp.expand(ou_time))


def _discrete_inverse() -> Identity:
    """A table with linear interpolation of t: inserting the interpolated t returns the step."""
    ddpm, ou = schedules.DDPM(), schedules.OrnsteinUhlenbeck()
    step, place = sp.Symbol("n", integer=True, positive=True), sp.Symbol("r", positive=True)
    t = sp.Symbol("t", positive=True)
    at_step = ddpm.ou_time_expression(step)
    length = -sp.log(1 - ddpm.beta_expression(step)) / 2
    time = ddpm.time_expression(ou.sigma_expression(t)).subs(t, at_step - (1 - place) * length)
    table = sp.Symbol("S", real=True)  # the sum that defines t_n, which drops out
    return Identity(
        "ddpm: the step of t_n − (1 − r)(t_n − t_{n−1}) is n − 1 + r",
        sp.expand(time.replace(sp.Sum, _replace_by(table))),
        step - 1 + place,
    )


def _replace_by(value: Any) -> Any:
    def replacement(*_: Any) -> Any:
        return value

    return replacement


def _rates() -> tuple[Identity, ...]:
    t, s2 = sp.symbols("t s2", positive=True)
    M, sigma = sp.symbols("M sigma", positive=True)
    sigma_of_t = schedules.OrnsteinUhlenbeck().sigma_expression(t)
    gamma = M / (s2 + sigma**2)
    jacobian = (1 + sigma**2) / sigma**2
    per_log_sigma = -sigma * sp.diff(gamma, sigma) / 2
    return (
        Identity(
            "d log σ/dt = (1 + σ²)/σ²",
            sp.diff(sp.log(sigma_of_t), t),
            jacobian.subs(sigma, sigma_of_t),
        ),
        Identity("−½ dγ/d log σ = γ(1 − s²γ/M)", per_log_sigma, gamma * (1 - s2 * gamma / M)),
        Identity(
            "−½ dγ/dt = γ(1 + (1 − s²)γ/M)",
            per_log_sigma * jacobian,
            gamma * (1 + (1 - s2) * gamma / M),
        ),
    )


THEOREM = Theorem(
    id="T1",
    name="one clock",
    statement=(
        r"$H(C|X_t)$ depends on the schedule only through $\sigma_t = b_t/a_t$. A time converts between "
        r"clocks exactly; a rate converts with the Jacobian, $\mathrm{d}\log\sigma/\mathrm{d}t = "
        r"(1+\sigma^2)/\sigma^2$. For two classes with $\Sigma = s^2 I$, $\gamma = M/(s^2+\sigma^2)$, the "
        r"rate is $\gamma(1+\kappa\gamma)\,\mathrm{mmse}(\gamma)$, $\kappa = (1-s^2)/M$ per unit OU time and "
        r"$\kappa = -s^2/M$ per unit $\log\sigma$."
    ),
    sources=("K22",),
    hypotheses=(
        "X_t = a_t X_0 + b_t Z with a_t, b_t > 0 and Z standard normal, independent of (X_0, C)",
        "the formula of the rate: two classes with Σ = s²I",
    ),
    derivation=derivation,
    predict=predict,
)
