"""T1: the class entropy depends on the schedule only through σ, and what that means for rates."""

import numpy as np

from .. import schedules
from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.constants import peak_gamma
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

SEPARATION2, VARIANCE = 64.0, 1.5
"""The mixture whose numbers are predicted: `M = |δ|²` and `s²`."""
EXAMPLE_SIGMA = 6.0
"""The ratio σ at which the clocks are read."""
EXAMPLE_SHARE = 0.25
"""Share of that reading at which σ is predicted."""


def derivation() -> tuple[Block, ...]:
    """One kernel for every schedule, the clocks read off σ, and the Jacobian of a rate."""
    return (*_invariance(), *_clocks(), *_rates_of_schedules(), *_rates())


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


def _invariance() -> tuple[Block, ...]:
    return (
        Text(
            r"**Only $\sigma$ matters.** Let $X_t=a_tX_0+b_tZ$ with $Z$ standard normal and independent of "
            r"$(X_0,C)$, and $\sigma_t=b_t/a_t$. Given class $k$ the density of $X_t$ at $x=a\,y$ is the "
            r"average of the kernel $N(a y;\,a x_0,\,b^2)$ over the law of $X_0$ in that class, one factor a "
            r"coordinate. In each coordinate"
        ),
        Identity.of(
            "a N(ay; a x₀, b²) = N(y; x₀, σ²), σ = b/a",
            _kernel,
            r"a\,N(a y;\,a x_0,\,b^2) = N(y;\,x_0,\,\sigma^2),\qquad \sigma=\frac ba",
        ),
        Text(
            r"so the density of $X_t$ at $ay$ is that of $X_0+\sigma Z$ at $y$, times $a^{-d}$. The factor "
            r"is the same for every class and cancels in $p(k|x)=w_kp_t(x|k)/\sum_jw_jp_t(x|j)$: the "
            r"posterior at $X_t=ay$ is the posterior at $X_0+\sigma Z=y$, whatever the law of the data. "
            r"The average of its entropy is $H(C|X_t)$, which therefore depends on the schedule through "
            r"$\sigma_t$ alone."
        ),
    )


def _clocks() -> tuple[Block, ...]:
    return (
        Text(
            r"**Clocks.** A schedule is a way to read $\sigma$. For a linear equation "
            r"$dX=-fX\,dt+g\,dW$ with $a'=-fa$, $a_0=1$, one has $d(X/a)=(g/a)\,dW$, hence "
            r"$\sigma^2=\int_0^t(g/a)^2dr$. The Ornstein-Uhlenbeck process $dX=-X\,dt+\sqrt2\,dW$ has "
            r"$a=e^{-t}$ and"
        ),
        Identity.of(
            "OU: σ² = ∫₀ᵗ 2e^{2r} dr = e^{2t} − 1",
            _ornstein_uhlenbeck,
            r"\sigma^2 = \int_0^t 2\,e^{2r}\,dr = e^{2t}-1",
        ),
        Text(
            r"It is variance preserving, $a^2+b^2=1$, and for every schedule with that property the OU time "
            r"is $t=-\log a$:"
        ),
        Identity.of(
            "variance preserving: ½ log(1 + σ²) = −log a",
            _variance_preserving,
            r"\tfrac12\log\left(1+\frac{1-a^2}{a^2}\right) = -\log a",
        ),
    )


def _rates_of_schedules() -> tuple[Block, ...]:
    return (
        Text(
            r"This covers DDPM's table, $t_n=-\tfrac12\log\bar\alpha_n$ (linear in $t$ between whole steps), "
            r"and the cosine schedule, $a=\cos\theta/\cos\theta_0$ with $\theta$ linear in the time, so that "
            r"$\theta=\arccos(\cos\theta_0/\sqrt{1+\sigma^2})$. With a linear rate, "
            r"$dX=-\tfrac12\beta X\,ds+\sqrt\beta\,dW$ and $\beta=\beta_0+\Delta\,s$, "
            r"$\Delta=\beta_1-\beta_0$:"
        ),
        Identity.of(
            "VP-linear: ½ log(1 + ∫₀ˢ β e^{∫β} dr) = ½β₀s + ¼Δs²",
            _linear_rate,
            r"\tfrac12\log\left(1+\int_0^s\beta(r)\,e^{\beta_0r+\Delta r^2/2}\,dr\right) = "
            r"\tfrac12\beta_0s+\tfrac14\Delta s^2 = t",
        ),
        Text(r"Its inverse follows by completing the square,"),
        Identity.of(
            "VP-linear: (β₀ + Δs)² = β₀² + 4Δt",
            _completed_square,
            r"(\beta_0+\Delta s)^2 = \beta_0^2+4\Delta\int_0^s\tfrac12\beta(r)\,dr = \beta_0^2+4\Delta t",
        ),
        Text(
            r"so $s=(\sqrt{\beta_0^2+4\Delta t}-\beta_0)/\Delta = 4t/(\beta_0+\sqrt{\beta_0^2+4\Delta t})$. "
            r"Flow matching mixes $X=(1-u)X_0+uZ$:"
        ),
        Identity.of(
            "flow matching: σ/(1 + σ) = u",
            _flow_matching,
            r"\frac{\sigma}{1+\sigma} = u,\qquad \sigma=\frac{u}{1-u}",
        ),
        Text(r"EDM's time is $\sigma$ itself. A time is thus converted exactly, through $\sigma$."),
    )


def _rates() -> tuple[Block, ...]:
    return (
        Text(
            r"**Rates.** A density in one clock becomes a density in another with the Jacobian. Between "
            r"$\log\sigma$ and the OU time it is"
        ),
        Identity.of(
            "d log σ/dt = (1 + σ²)/σ²",
            _jacobian,
            r"\frac{d}{dt}\log\sqrt{e^{2t}-1} = \frac{1+\sigma^2}{\sigma^2}",
        ),
        Text(
            r"which tends to 1 as $1+\sigma^{-2}$: the clocks agree where the noise is strong. For two "
            r"classes with covariance $s^2I$ and $|\delta|^2=M$, T2 and T3 give $H=H_2(\gamma)$, "
            r"$\gamma=M/(s^2+\sigma^2)$ and $dH/d\gamma=-\tfrac12\mathrm{mmse}(\gamma)$. The rate in a clock "
            r"is therefore $\mathrm{mmse}(\gamma)$ times"
        ),
        Identity.of(
            "−½ dγ/d log σ = γ(1 − s²γ/M)",
            _rate_per_log_sigma,
            r"-\tfrac12\,\sigma\frac{d}{d\sigma}\frac{M}{s^2+\sigma^2} = "
            r"\gamma\left(1-\frac{s^2}{M}\gamma\right)",
        ),
        Identity.of(
            "−½ dγ/dt = γ(1 + (1 − s²)γ/M)",
            _rate_per_ou_time,
            r"-\tfrac12\frac{d}{dt}\frac{M}{e^{2t}+s^2-1} = \gamma\left(1+\frac{1-s^2}{M}\gamma\right)",
        ),
        Text(
            r"Both have the form $\gamma(1+\kappa\gamma)$, with two values of $\kappa$ that differ by $1/M$. "
            r"The entropy rate peaks where $\gamma(1+\kappa\gamma)\,\mathrm{mmse}(\gamma)$ is largest (T8), "
            r"so its peak lies at another noise level in each clock: name the clock."
        ),
        Argument(
            "A one-to-one map of the observation leaves a conditional entropy as it is: the posterior at "
            "the image of a point is the posterior at the point."
        ),
        Measured(
            "Every clock against its definition by bisection, one entropy in 16 dimensions with the signal "
            "and noise of five schedules, and the peak of the rate in both clocks by maximisation."
        ),
    )


def _kernel(signal: Expr = ONE, noise: Expr = ONE, volume: int = 1) -> tuple[Expr, Expr]:
    a, b = sp.symbols("a b", positive=True)
    y, x0 = sp.symbols("y x_0", real=True)
    return a**volume * _normal(a * y, signal * a * x0, noise * b), _normal(y, x0, b / a)


def _normal(x: Expr, mean: Expr, spread: Expr) -> Expr:
    return sp.exp(-((x - mean) ** 2) / (2 * spread**2)) / (sp.sqrt(2 * sp.pi) * spread)


def _ornstein_uhlenbeck(drift: Expr = ONE, diffusion: Expr = TWO) -> tuple[Expr, Expr]:
    r, t = sp.symbols("r t", positive=True)
    return sp.Integral(diffusion / sp.exp(-drift * r) ** 2, (r, 0, t)), sp.exp(2 * t) - 1


def _variance_preserving(total: Expr = ONE) -> tuple[Expr, Expr]:
    a = sp.Symbol("a", positive=True)
    return sp.log(1 + (total - a**2) / a**2) / 2, -sp.log(a)


def _linear_rate(drift: Expr = HALF, power: int = 1) -> tuple[Expr, Expr]:
    start, slope, r, s = sp.symbols("beta_0 Delta r s", positive=True)
    damping = drift * (start * r + slope * r**2 / 2)  # minus the logarithm of the signal
    noise = sp.Integral((start + slope * r) ** power * sp.exp(2 * damping), (r, 0, s))
    return sp.log(1 + noise) / 2, start * s / 2 + slope * s**2 / 4


def _completed_square(rate: Expr = HALF) -> tuple[Expr, Expr]:
    start, slope, r, s = sp.symbols("beta_0 Delta r s", positive=True)
    ou_time = sp.Integral(rate * (start + slope * r), (r, 0, s))
    return (start + slope * s) ** 2, start**2 + 4 * slope * ou_time


def _flow_matching(data: Expr = ONE) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", positive=True)
    sigma = u / (data - u)
    return sigma / (1 + sigma), u


def _jacobian(rate: Expr = TWO, offset: Expr = ONE) -> tuple[Expr, Expr]:
    t = sp.Symbol("t", positive=True)
    sigma2 = sp.exp(rate * t) - offset
    return sp.Derivative(sp.log(sp.sqrt(sigma2)), t), (1 + sigma2) / sigma2


def _rate_per_log_sigma(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    M, s2, sigma = sp.symbols("M s2 sigma", positive=True)
    gamma = M / (s2 + sigma**power)
    return -half * sigma * sp.Derivative(gamma, sigma), gamma * (1 - s2 * gamma / M)


def _rate_per_ou_time(half: Expr = HALF, offset: Expr = ONE) -> tuple[Expr, Expr]:
    M, s2, t = sp.symbols("M s2 t", positive=True)
    gamma = M / (s2 + sp.exp(2 * t) - offset)
    return -half * sp.Derivative(gamma, t), gamma * (1 + (1 - s2) * gamma / M)


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
        "$X_t = a_tX_0 + b_tZ$ with $a_t, b_t > 0$ and $Z$ standard normal, independent of $(X_0, C)$",
        "the formula of the rate: two classes with Σ = s²I",
    ),
    derivation=derivation,
    predict=predict,
)
