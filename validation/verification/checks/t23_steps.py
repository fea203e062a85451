"""T23 measured: divergences of short chains over all states, costs by quadrature, biases of chains."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special

from ....theory.theorems import t23_steps as theorem
from ..independent import binary_quadrature
from ..independent.reverse_runs import Components
from ._base import Check, Checks, Context, close, z_test

Array = NDArray[np.float64]

POINTS = Components(np.array([0.3, 0.7]), np.array([[1.0], [-1.0]]), np.zeros((2, 1)), np.arange(2))
INTERLEAVED = Components(
    np.full(4, 0.25),
    np.array([[-1.6], [-0.9], [0.9], [1.6]]),
    np.full((4, 1), 0.02),
    np.array([0, 1, 0, 1]),
)
"""Two classes of two Gaussians in pairs: details tell classes apart, and the rate of information rises."""
TAUS = np.array([0.0, 0.3, 1.0, 2.5])
RUNS = 250_000


def check(context: Context) -> Checks:
    """Chains of three steps, of points and of interleaved Gaussians; costs; the constant; biases."""
    predicted = theorem.predict()
    whole = _divergence(POINTS, np.array(theorem.FEW))
    yield close(
        "cost of three steps", "integral over all states", predicted["cost of three steps"], whole, 1e-7
    )
    yield from _interleaved()
    yield from _costs(predicted)
    for count in theorem.COUNTS:
        name = f"bias, N={count}"
        value = _bias(theorem.END / 2, count)
        yield close(name, "density of the chain", predicted[name], value, 1e-6)
    count = theorem.COUNTS[-1]
    first = _first_order(theorem.END / 2, count)
    name = f"bias to first order, N={count}"
    yield close(name, "quadrature", predicted[name], first, 1e-8)
    yield _drawn(predicted, context)


def _grids(taus: Array, points: int) -> list[Array]:
    return [
        np.linspace(-2.4 * tau - 8 * np.sqrt(tau), 2.4 * tau + 8 * np.sqrt(tau), points) for tau in taus[1:]
    ]


def _density(classes: Components, y: Array, tau: float) -> tuple[Array, Array]:
    """Z_k of each component (J, n), and the denoisers (J, n), against Brownian motion."""
    wide = 1 + tau * classes.variances
    m, s = classes.means, classes.variances
    exponent = (m * y + 0.5 * s * y**2 - 0.5 * tau * m**2) / wide
    return np.exp(exponent) / np.sqrt(wide), (m + s * y) / wide


def _divergence(classes: Components, taus: Array, points: int = 110) -> float:
    """KL of the exact law of three states from the chain's; both are densities against Brownian motion.

    That of the exact law depends on the last state only, that of the chain on its steps, so the divergence of
    the states is the divergence of the paths.
    """
    grids, steps = _grids(taus, points), np.diff(taus)
    weights = classes.weights / classes.weights.sum()

    def mean(y: Array, tau: float) -> Array:
        z, denoised = _density(classes, y, tau)
        return (weights @ (z * denoised)) / (weights @ z)

    cells = [grid[1] - grid[0] for grid in grids]
    one, two, three = grids[0][:, None, None], grids[1][:, None], grids[2]
    moves, places = (one, two - one, three - two), (np.zeros(1), grids[0], grids[1])
    wiener = np.exp(-sum(move**2 / (2 * step) for move, step in zip(moves, steps, strict=True)))
    wiener *= np.prod(cells) / np.sqrt(np.prod(2 * np.pi * steps))
    exact = (weights @ _density(classes, grids[2], float(taus[3]))[0]).reshape(1, 1, -1)
    log_chain = np.zeros((1, 1, 1))
    for n, shape in enumerate(((1, 1, 1), (-1, 1, 1), (1, -1, 1))):
        drift = mean(places[n], float(taus[n])).reshape(shape)
        log_chain = log_chain + drift * moves[n] - 0.5 * drift**2 * steps[n]
    return float((wiener * exact * (np.log(exact) - log_chain)).sum())


def _interleaved() -> Checks:
    """The whole divergence and its excess over chains that know the class, against Riemann sums of errors."""
    whole = _divergence(INTERLEAVED, TAUS)
    informed = 0.0
    for k in (0, 1):
        rows = INTERLEAVED.classes == k
        weights, means, variances = (
            part[rows] for part in (INTERLEAVED.weights, INTERLEAVED.means, INTERLEAVED.variances)
        )
        own = Components(weights, means, variances, np.zeros(2, dtype=np.int64))
        informed += float(weights.sum()) * _divergence(own, TAUS)
    for name, rate, value in (
        ("whole", _error, whole),
        ("excess of the class", _class_rate, whole - informed),
    ):
        yield close(f"{name}, interleaved Gaussians", "integral over all states", _riemann(rate), value, 1e-6)
    # the rate rises, so the left sum is less than the integral
    yield close("the excess is negative", "sign", -1.0, float(np.sign(whole - informed)), 1e-9)


def _riemann(rate: Callable[[float], float]) -> float:
    total = 0.0
    for start, end in zip(TAUS[:-1].tolist(), TAUS[1:].tolist(), strict=True):
        total += rate(start) * (end - start) - integrate.quad(rate, start, end, epsabs=1e-10, epsrel=1e-10)[0]
    return total


def _moments(tau: float) -> tuple[Array, Array, Array]:
    """Weights of states on a grid (n,), posteriors of components (J, n), their denoisers (J, n)."""
    reach = 2.4 * tau + 9 * np.sqrt(tau) + 1e-9
    y = np.linspace(-reach, reach, 1601)
    z, denoised = _density(INTERLEAVED, y, tau)
    joint = INTERLEAVED.weights[:, None] * z
    mass = np.exp(-(y**2) / (2 * tau + 1e-300)) * joint.sum(axis=0)
    return mass / mass.sum(), joint / joint.sum(axis=0), denoised


def _error(tau: float) -> float:
    """½E|X₀ − D|²."""
    mass, p, denoised = _moments(tau)
    inner = INTERLEAVED.variances / (1 + tau * INTERLEAVED.variances)
    spread = (p * (denoised**2 + inner)).sum(axis=0) - (p * denoised).sum(axis=0) ** 2
    return float(0.5 * mass @ spread)


def _class_rate(tau: float) -> float:
    """½E|D_C − D|²."""
    mass, p, denoised = _moments(tau)
    mean, total = (p * denoised).sum(axis=0), np.zeros(mass.size)
    for k in (0, 1):
        rows = INTERLEAVED.classes == k
        own = p[rows].sum(axis=0)
        total += own * ((p[rows] * denoised[rows]).sum(axis=0) / own - mean) ** 2
    return float(0.5 * mass @ total)


_U = np.linspace(-40.0, 40.0, 16_001)


def _sech4(gamma: float) -> float:
    """E sech⁴ L of balanced classes, `e^{−γ/2} ∫ N(u; 0, γ) sech³ u du`."""
    law = np.exp(-(_U**2 + gamma**2) / (2 * gamma)) * (_U[1] - _U[0]) / np.sqrt(2 * np.pi * gamma)
    return float(law @ np.cosh(_U) ** -3.0)


def _costs(predicted: dict[str, float]) -> Checks:
    """Left sums of mmse on grids of our own, which equal shares of a density make."""
    root = np.linspace(0.02, np.sqrt(theorem.END), 250)
    place = root**2
    mmse = np.array([binary_quadrature.quick_mmse(float(g)) for g in place])
    optimal = np.sqrt([_sech4(float(g)) for g in place])
    lost = np.log(2) - binary_quadrature.quick_entropy(theorem.END)
    densities = {"optimal": optimal, "agreement": np.sqrt(mmse), "entropy": mmse, "uniform": 1 + 0 * mmse}
    for name, density in densities.items():
        # by γ = r², from the value 1 at 0
        slope = 2 * np.concatenate([[0.0], root * density])
        whole = integrate.cumulative_simpson(slope, x=np.concatenate([[0.0], root]), initial=0)
        levels = (
            np.interp(np.linspace(0, whole[-1], theorem.COUNT + 1), whole, np.concatenate([[0.0], root])) ** 2
        )
        rates = [1.0, *(binary_quadrature.quick_mmse(float(g)) for g in levels[1:-1])]
        cost = 0.5 * float(np.array(rates) @ np.diff(levels)) - lost
        yield close(f"cost, {name}", "left sum by quadrature", predicted[f"cost, {name}"], cost, 2e-3)
    far = np.linspace(0.05, np.sqrt(160.0), 401)
    values = np.array([2 * r * np.sqrt(_sech4(float(r * r))) for r in far])
    # up to there √(E sech⁴ L) = 1 − γ + O(γ²), integrated over γ = r²
    near = far[0] ** 2 - far[0] ** 4 / 2
    constant = float(near + integrate.simpson(values, x=far))
    yield close("constant", "quadrature", predicted["constant"], constant, 1e-5)


def _bias(end: float, count: int) -> float:
    """The density of L pushed forward by every step, from the point λ."""
    start, step = 0.5 * special.logit(theorem.MINORITY), end / count
    ell = np.linspace(-24.0, 24.0, 1200)
    width = np.sqrt(2 * np.pi * step)
    law = np.exp(-((ell - start - np.tanh(start) * step) ** 2) / (2 * step)) / width
    kernel = np.exp(-((ell[:, None] - ell - np.tanh(ell) * step) ** 2) / (2 * step)) / width
    kernel *= ell[1] - ell[0]
    for _ in range(count - 1):
        law = kernel @ law
    return float(law @ special.expit(2 * ell) * (ell[1] - ell[0])) - theorem.MINORITY


def _first_order(end: float, count: int) -> float:
    """`½ Σ Δ² E[tanh L sech⁴ L]` with T2's laws of the two classes."""
    w, step = theorem.MINORITY, end / count
    start = 0.5 * special.logit(w)
    total = float(np.tanh(start) / np.cosh(start) ** 4)
    for n in range(1, count):
        gamma = n * step
        for share, sign in ((w, 1), (1 - w, -1)):
            law = np.exp(-((_U - start - sign * gamma) ** 2) / (2 * gamma))
            total += share * float(law @ (np.tanh(_U) / np.cosh(_U) ** 4)) / float(law.sum())
    return 0.5 * step**2 * total


def _drawn(predicted: dict[str, float], context: Context) -> Check:
    """Eight steps drawn; what the posterior gains on average in each is integrated, where the run stands."""
    rng, step = context.rng("T23 bias"), theorem.END / 2 / 8
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    ell, gained = np.full(RUNS, 0.5 * special.logit(theorem.MINORITY)), np.zeros(RUNS)
    for _ in range(8):
        moved = ell + np.tanh(ell) * step
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            gained += weight * special.expit(2 * (moved + np.sqrt(step) * node))
        gained -= special.expit(2 * ell)
        ell = moved + np.sqrt(step) * rng.standard_normal(RUNS)
    return z_test("bias of eight drawn steps", predicted["bias, N=8"], gained)
