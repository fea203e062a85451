"""T19: a reverse run still changes its likelier class with twice the probability of the Bayes error."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.commitment import commitment_density, commitment_gamma, commitment_tail
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

POINTS = ((0.5, 0.5), (2.0, 0.5), (1.0, 0.2))
"""Pairs (γ, w) at which the law of the last change is predicted."""
STOPPED = ((0.5, 0.5, 2.0), (1.0, 0.3, 4.0))
"""Triples (γ, w, γ₀) at which the law of a run that ends at γ₀ is predicted."""


def derivation() -> tuple[Block, ...]:
    """The key line from Anderson's equation, optional stopping, and the law in the γ clock."""
    return (*_key_line(), *_stopping(), *_gamma_law(), *_priors(), *_ends(), *_chains())


def predict() -> dict[str, float]:
    """Tails and densities at `POINTS` and `STOPPED`, quantiles, and moments of the OU time."""
    numbers: dict[str, float] = {}
    for gamma, w in POINTS:
        numbers[f"P(change later than {gamma:g}), w={w:g}"] = float(commitment_tail(gamma, w))
        numbers[f"density at {gamma:g}, w={w:g}"] = float(commitment_density(gamma, w))
    for gamma, w, end in STOPPED:
        name = f"{gamma:g}, w={w:g}, end={end:g}"
        numbers[f"P(change later than {name})"] = float(commitment_tail(gamma, w, end))
        numbers[f"density at {name}"] = float(commitment_density(gamma, w, end))
    numbers["never changes, w=0.2"] = float(1 - commitment_tail(0.0, 0.2))
    numbers["median of gamma, w=0.5"] = float(commitment_gamma(0.5))
    numbers["E t - log(M)/2"] = (np.euler_gamma + float(np.log(2))) / 2
    numbers["Var t"] = np.pi**2 / 8
    return numbers


def _key_line() -> tuple[Block, ...]:
    return (
        Text(
            r"**The key line.** Let $X_0$ have any distribution in $\mathbb R^d$ with a second moment, "
            r"$f_k$ given the "
            r"class $k$, and $w_k$ the weight of the class. Of the noised state $x = X_0 + \sigma Z$ take "
            r"$Y = x/\sigma^2$ and the clock "
            r"$\tau = \sigma^{-2}$, which runs forward when noise is removed. $D_k(x) = \mathbb "
            r"E[X_0|x,k]$ is the exact denoiser of a class, "
            r"$p_k$ its posterior and $D = \sum_k p_k D_k$. As a function of $X_0$ the likelihood of the "
            r"state is exponential in $Y$:"
        ),
        Identity.of(
            "−(x − X₀)²/2σ² = X₀Y − ½τX₀² − Y²/2τ",
            _likelihood,
            r"-\frac{(x-X_0)^2}{2\sigma^2} = X_0Y-\tfrac12\tau X_0^2-\frac{Y^2}{2\tau}",
        ),
        Text(
            r"So with $Z_k(Y,\tau) = \mathbb E[e^{X_0\cdot Y-\frac12\tau|X_0|^2}\,|\,k]$ and $Z = \sum_k "
            r"w_kZ_k$: $p_k = w_kZ_k/Z$, and the denoisers "
            r"are gradients, $D_k = \nabla\log Z_k$ and $D = \nabla\log Z$ (differentiate under the "
            r"expectation). Therefore "
            r"$\nabla p_k = p_k(D_k-D)$. Each exponential, hence every $Z_k$ and $Z$, solves the backward "
            r"heat equation:"
        ),
        Identity.of(
            "(∂_τ + ½∂²) e^{X₀Y − ½τX₀²} = 0",
            _heat_equation,
            r"\partial_\tau e^{X_0Y-\frac12\tau X_0^2} = -\tfrac12\,\partial_Y^2\,e^{X_0Y-\frac12\tau X_0^2}",
        ),
        *_reverse_run(),
    )


def _reverse_run() -> tuple[Block, ...]:
    return (
        Text(
            r"The reverse run is Anderson's equation, $\mathrm dX = \nabla\log p(X,\nu)\,\mathrm d(-\nu) "
            r"+ \mathrm dW$ in the "
            r"variance $\nu = \sigma^2$ that falls. Tweedie's formula says $\nu\,\nabla\log p = D - x$. "
            r"With $Y = X/\nu$ and "
            r"$\mathrm d\tau = \mathrm d(-\nu)/\nu^2$, drift per unit of $-\nu$ over speed of the clock:"
        ),
        Identity.of(
            "drift of Y per unit of τ is D",
            _reverse_drift,
            r"\left[\frac{D-x}{\nu}\cdot\frac1\nu - x\,\frac{\mathrm d}{\mathrm "
            r"d\nu}\frac1\nu\right]\Big/\left[-\frac{\mathrm d\tau}{\mathrm d\nu}\right] = D",
        ),
        Argument(
            r"The noise of $Y$ per unit of $\tau$ is $\nu^{-2}/\nu^{-2} = 1$: $\mathrm dY = D\,\mathrm "
            r"d\tau+\mathrm dB$. That the reverse run has "
            r"the law of the noising process run backwards, path by path, is Anderson's theorem.",
            "A82",
        ),
        *_guided_posterior(),
    )


def _guided_posterior() -> tuple[Block, ...]:
    return (
        Text(
            r"Guidance of weight $\omega$ to class $c$ replaces the denoiser by $D+\omega(D_c-D)$: "
            r"$\mathrm dY = [D+\omega(D_c-D)]\,\mathrm d\tau + \mathrm dB$. Now Itô's formula for "
            r"$p_k(Y_\tau,\tau)$. Its drift at $\omega = 0$ is "
            r"$\partial_\tau p_k+\frac12\nabla^2p_k+\nabla p_k\cdot D$, a sum over coordinates, and in "
            r"each of them the heat equations for $Z_k$ and "
            r"for $Z$ leave"
        ),
        Identity.of(
            "∂_τ p + ½p″ + p′D = 0 for p = w Z_k/Z, D = Z′/Z",
            _posterior_drift,
            r"\left(\partial_\tau+\tfrac12\partial_Y^2+\frac{\partial_YZ}{Z}\,\partial_Y\right)"
            r"\frac{w_kZ_k}{Z} "
            r"= 0",
        ),
        Text(
            r"What remains is $\nabla p_k\cdot[\mathrm dB+\omega(D_c-D)\,\mathrm d\tau]$, that is "
            r"$\mathrm dp_k = p_k(D_k-D)\cdot[\mathrm dB+\omega(D_c-D)\,\mathrm d\tau]$, and for $k=c$ "
            r"the key line of T19 to T23. "
            r"Without guidance it is Wonham's filter: every posterior is a bounded martingale. "
            r"For two classes let $L=\frac12\log p_1/p_2$. Since $D_1-D = p_2(D_1-D_2)$, Itô's formula "
            r"gives, per unit of "
            r"$\frac14|D_1-D_2|^2\,\mathrm d\tau$, noise 1 and the drift"
        ),
        Identity.of(
            "½ (d²L/dp²) (2p(1−p))² = tanh L",
            _log_odds_drift,
            r"\tfrac12\,\frac{\mathrm d^2L}{\mathrm dp^2}\,[2p(1-p)]^2 = 2p-1 = \tanh L",
        ),
        Text(
            r"so that in its own clock $\mathrm d\gamma = \frac14|D_1-D_2|^2\,\mathrm d\tau$ any two "
            r"classes obey $\mathrm dL = \tanh L\,\mathrm d\gamma+\mathrm dB$. "
            r"In general that clock depends on the run. With a shared covariance it does not, and it is "
            r"T11's:"
        ),
        Identity.of(
            "shared covariance: ¼|D₁ − D₂|² = dγ/dτ, in each eigendirection",
            _shared_clock,
            r"\frac14\left(\frac{m_1+\lambda Y}{1+\tau\lambda}-\frac{m_2+\lambda "
            r"Y}{1+\tau\lambda}\right)^2 = "
            r"\frac{\mathrm d}{\mathrm d\tau}\,\frac{\delta^2}{\lambda+1/\tau}",
        ),
        Argument("The posterior of an unguided run is the filter of a signal in white noise.", "W65"),
    )


def _stopping() -> tuple[Block, ...]:
    return (
        Text(
            r"**Two classes.** *Decided in the end* means that along an unguided run $p_1$ tends to 0 or "
            r"to 1: the classes do not "
            r"overlap on clean data. Let $m = \min(p_1,p_2)$ at $\sigma$ be the posterior of the less "
            r"likely class. It moves on a continuous path and the likelier "
            r"class changes exactly if it reaches $\frac12$; where it touches $\frac12$ it crosses, as "
            r"$L$ oscillates there like Brownian motion. "
            r"Stop it at $\frac12$, or in the end at 0 if it never gets there. A bounded martingale keeps "
            r"its mean, $m = \frac12P+0\cdot(1-P)$, so $P = 2m$."
        ),
        Argument("Optional stopping and convergence of bounded martingales.", "D53"),
        Text(
            r"The Bayes error is $\varepsilon(\sigma) = \mathbb E\min(p_1,p_2)$, and averaging over the "
            r"state gives "
            r"$P(\text{change below }\sigma) = 2\varepsilon(\sigma)$. Nothing was used of the classes but "
            r"that they are decided. "
            r"**K classes.** Let $k$ be the likeliest at $\sigma$, $q = p_k$. A run that ends elsewhere "
            r"has changed: $P\ge1-q$. A run changes at the first "
            r"tie $p_j = p_k$ with another class, and there $p_k\le\frac12$ because $p_j+p_k\le1$. "
            r"Without a tie $p_k$ ends at 1. So "
            r"$q\le\frac12P+(1-P)$, that is $P\le2(1-q)$. Since $\varepsilon = \mathbb E(1-\max_kp_k)$, "
            r"on average "
            r"$\varepsilon\le P\le2\varepsilon$."
        ),
    )


def _gamma_law() -> tuple[Block, ...]:
    return (
        Text(
            r"**The law in γ.** For a shared covariance $L$ is $N(\lambda\pm\gamma,\gamma)$ given the "
            r"class, $\lambda = \frac12\log\frac{w}{1-w}$ (T2). "
            r"At $w = \frac12$ the error is $\varepsilon = P(N(\gamma,\gamma)<0)$, so $2\varepsilon = "
            r"\mathrm{erfc}\sqrt{\gamma/2}$. The last change is "
            r"later than $\gamma$ with this probability, and has the density"
        ),
        Identity.of(
            "2P(N(γ,γ) < 0) = erfc√(γ/2)",
            _balanced_error,
            r"2P\left(\gamma+\sqrt\gamma\,Z<0\right) = 2\int_{-\infty}^0N(u;\gamma,\gamma)\,du = "
            r"1-\mathrm{erf}\sqrt{\gamma/2}",
        ),
        Identity.of(
            "−d/dγ erfc√(γ/2) = (2πγ)^{−1/2} e^{−γ/2}",
            _balanced_density,
            r"-\frac{\mathrm d}{\mathrm d\gamma}\,\mathrm{erfc}\sqrt{\gamma/2} = "
            r"(2\pi\gamma)^{-1/2}e^{-\gamma/2}",
        ),
        Text(
            r"which is $\chi^2$ with one degree of freedom. At $s=1$ the OU time is $t = \frac12\log "
            r"M-\frac12\log\gamma$; the cumulants of "
            r"$\log\gamma$ are derivatives at $r=0$ of $\log\mathbb E\gamma^r$:"
        ),
        Identity.of(
            "E γ^r = 2^r Γ(½ + r)/√π",
            _moments,
            r"\int_0^\infty\gamma^r\,(2\pi\gamma)^{-1/2}e^{-\gamma/2}\,d\gamma = "
            r"\frac{2^r\,\Gamma(\frac12+r)}{\sqrt\pi}",
        ),
        Identity.of(
            "E t − ½ log M = ½(γ_E + log 2)",
            _mean_time,
            r"-\tfrac12\,\frac{\mathrm d}{\mathrm "
            r"dr}\log\frac{2^r\,\Gamma(\frac12+r)}{\sqrt\pi}\Big|_{r=0} = \tfrac12(\gamma_E+\log2)",
        ),
        Identity.of(
            "Var t = π²/8",
            _variance_of_time,
            r"\tfrac14\,\frac{\mathrm d^2}{\mathrm "
            r"dr^2}\log\frac{2^r\,\Gamma(\frac12+r)}{\sqrt\pi}\Big|_{r=0} = \frac{\pi^2}8",
        ),
    )


def _priors() -> tuple[Block, ...]:
    return (
        Text(
            r"**Priors.** Now $\varepsilon = "
            r"w\,P(N(\gamma+\lambda,\gamma)<0)+(1-w)\,P(N(\gamma-\lambda,\gamma)<0)$, and"
        ),
        Identity.of(
            "−2 dε/dγ = 2√(w(1−w)) (2πγ)^{−1/2} e^{−γ/2 − λ²/2γ}",
            _prior_density,
            r"-2\,\frac{\mathrm d}{\mathrm d\gamma}\left[\frac "
            r"w2\,\mathrm{erfc}\frac{\gamma+\lambda}{\sqrt{2\gamma}}+"
            r"\frac{1-w}2\,\mathrm{erfc}\frac{\gamma-\lambda}{\sqrt{2\gamma}}\right] = "
            r"2\sqrt{w(1-w)}\;\frac{e^{-\gamma/2-\lambda^2/2\gamma}}{\sqrt{2\pi\gamma}}",
        ),
        Text(
            r"At infinite noise $\varepsilon = \min(w,1-w)$: with probability $1-2\min(w,1-w)$ the "
            r"likelier class never changes."
        ),
    )


def _ends() -> tuple[Block, ...]:
    return (
        Text(
            r"**A run that ends at** $\gamma_0$. $L$ and $-L$ obey one equation, because $\tanh$ is odd. "
            r"So after a zero of $L$ either sign at $\gamma_0$ is equally "
            r"likely: a change in $(\gamma,\gamma_0]$ has twice the probability that the likelier classes "
            r"at its ends differ. The weight $\cosh L\;e^{-\gamma/2}$ "
            r"turns Brownian motion into $\mathrm dL = \tanh L\,\mathrm d\gamma+\mathrm dB$ (Girsanov). "
            r"By reflection, Brownian motion from $u>0$ "
            r"reaches 0 and ends at $\pm v$ with the density $N(u+v;0,\tau)$. So the probability of a "
            r"zero within $\tau = \gamma_0-\gamma$ is "
            r"$q/\cosh u$, where $q = 2e^{-\tau/2}\int_0^\infty N(u+v;0,\tau)\cosh v\,dv$ has an "
            r"integrand that is a derivative:"
        ),
        Identity.of(
            "2e^{−τ/2} N(u+v;0,τ) cosh v = −∂_v q(u,v,τ)",
            _reflected,
            r"2e^{-\tau/2}\,\frac{e^{-(u+v)^2/2\tau}}{\sqrt{2\pi\tau}}\cosh v = "
            r"-\partial_v\left[\tfrac12e^{-u}\,\mathrm{erfc}\frac{u+v-\tau}{\sqrt{2\tau}}+\tfrac12e^{u}\,"
            r"\mathrm{erfc}\frac{u+v+\tau}{\sqrt{2\tau}}\right]",
        ),
        Text(
            r"The bracket vanishes as $v\to\infty$, so $q(u,\tau)$ is the bracket at $v=0$. At $\gamma$ "
            r"the density of $L$ is $N(u;\lambda,\gamma)\cosh u\;e^{-\gamma/2}/\cosh\lambda$, whence "
            r"$P(\text{change in }(\gamma,\gamma_0]) = \frac1{\cosh\lambda}\int "
            r"N(u;\lambda,\gamma)\,h(|u|,\gamma)\,du$ with "
            r"$h = e^{-\gamma/2}q(u,\gamma_0-\gamma)$. Away from 0 the function $h$ solves the backward "
            r"heat equation,"
        ),
        *_last_change_before_the_end(),
    )


def _last_change_before_the_end() -> tuple[Block, ...]:
    return (
        Identity.of(
            "∂_γ h = −½ h″",
            _backward,
            r"\partial_\gamma\left[e^{-\gamma/2}q(u,\gamma_0-\gamma)\right] = "
            r"-\tfrac12\,\partial_u^2\left[e^{-\gamma/2}q(u,\gamma_0-\gamma)\right]",
        ),
        Text(
            r"while $N$ solves the forward one. So only the kink of $h(|u|)$ at 0 makes the integral "
            r"change: integrating by parts twice, "
            r"$\frac{\mathrm d}{\mathrm d\gamma}\int N\,h = N(0;\lambda,\gamma)\,h'(0^+)$. The slope there is"
        ),
        Identity.of(
            "h′(0⁺) = −e^{−γ/2} erf√(τ/2) − e^{−γ₀/2} √(2/πτ)",
            _kink,
            r"\partial_u\left[e^{-\gamma/2}q(u,\tau)\right]_{u=0^+} = "
            r"-e^{-\gamma/2}\,\mathrm{erf}\sqrt{\tau/2}-e^{-(\gamma+\tau)/2}\sqrt{\frac2{\pi\tau}}",
        ),
        Text(
            r"and the density of the last change before $\gamma_0$ is "
            r"$2\sqrt{w(1-w)}\,(2\pi\gamma)^{-1/2}e^{-\lambda^2/2\gamma}\left[e^{-\gamma_0/2}\sqrt{2/\pi"
            r"\tau}+"
            r"e^{-\gamma/2}\,\mathrm{erf}\sqrt{\tau/2}\right]$, with $1/\cosh\lambda = 2\sqrt{w(1-w)}$. "
            r"At $w=\frac12$ the first term is $e^{-\gamma_0/2}/(\pi\sqrt{\gamma\tau})$: the arcsine law "
            r"of "
            r"Brownian motion, weighted. As $\gamma_0\to\infty$ it returns the law above."
        ),
        Argument("Weighting Brownian motion by a martingale changes its drift.", "G60"),
    )


def _chains() -> tuple[Block, ...]:
    return (
        Text(
            r"**Chains.** Draw $c$ from the prior and take steps $Y' = Y+D_c\Delta+\sqrt\Delta\,\xi$ with "
            r"*any* functions $D_k$, right or wrong. "
            r"A step multiplies the likelihood of class $k$ by a Gaussian density, up to a common factor"
        ),
        Identity.of(
            "log N(Y′; Y + D_kΔ, Δ) − log N(Y′; Y, Δ) = D_k(Y′ − Y) − ½D_k²Δ",
            _gaussian_step,
            r"-\frac{(Y'-Y-D_k\Delta)^2}{2\Delta}+\frac{(Y'-Y)^2}{2\Delta} = "
            r"D_k\,(Y'-Y)-\tfrac12D_k^2\,\Delta",
        ),
        Text(
            r"so the posterior $p_k\propto w_k\exp\sum_n[D_k\Delta Y_n-\frac12|D_k|^2\Delta_n]$ carried "
            r"along the path is exact for the law of "
            r"the chain itself, and a martingale. T19 and T20 then hold by construction, up to the "
            r"overshoot of a step, and describe "
            r"what is generated. On noised data, against true labels, they test the calibration of a network."
        ),
        Measured(
            "Changes of the likelier class in reverse runs of classes with unequal covariances, and of "
            "three classes and 128; "
            "the law of the last change by quadrature of the Bayes error; posteriors carried along chains "
            "with wrong denoisers."
        ),
    )


def _likelihood(width: Expr = TWO, power: int = 2) -> tuple[Expr, Expr]:
    x, start = sp.symbols("x X0", real=True)
    sigma = sp.Symbol("sigma", positive=True)
    y, tau = x / sigma**2, sigma**-2
    left = -((x - start) ** power) / (width * sigma**2)
    return left, start * y - tau * start**2 / 2 - y**2 / (2 * tau)


def _heat_equation(rate: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    y, start, tau = sp.symbols("Y X0 tau", real=True)
    exponential = sp.exp(start * y - rate * tau * start**power)
    return sp.Derivative(exponential, tau), -sp.Derivative(exponential, (y, 2)) / 2


def _reverse_drift(clock: int = 1, tweedie: Expr = ONE) -> tuple[Expr, Expr]:
    x, mean = sp.symbols("x D", real=True)
    nu = sp.Symbol("nu", positive=True)
    score = (mean - tweedie * x) / nu
    drift = score / nu - x * sp.Derivative(1 / nu, nu)
    return drift / -sp.Derivative(nu**-clock, nu), mean


def _posterior_drift(diffusion: Expr = HALF, pull: Expr = ONE) -> tuple[Expr, Expr]:
    y, tau = sp.symbols("Y tau", real=True)
    own, total = sp.Function("Z_k")(y, tau), sp.Function("Z")(y, tau)
    p = sp.Symbol("w", positive=True) * own / total
    drift = p.diff(tau) + diffusion * p.diff(y, 2) + pull * total.diff(y) / total * p.diff(y)
    heat = {f.diff(tau): -f.diff(y, 2) / 2 for f in (own, total)}
    found = drift.subs(heat)
    # the values of a solution and of its derivatives at a point are independent
    for f, name in ((own, "k"), (total, "t")):
        values = sp.symbols(f"{name}0:3", positive=True)
        for order in (2, 1):
            found = found.subs(f.diff(y, order), values[order])
        found = found.subs(f, values[0])
    return found, sp.Integer(0)


def _log_odds_drift(half: Expr = HALF, spread: Expr = TWO) -> tuple[Expr, Expr]:
    ell = sp.Symbol("ell", real=True)
    p = sp.Symbol("p", positive=True)
    drift = sp.diff(half * sp.log(p / (1 - p)), p, 2) / 2 * (spread * p * (1 - p)) ** 2
    return drift.subs(p, 1 / (1 + sp.exp(-2 * ell))), sp.tanh(ell)


def _shared_clock(power: int = 2, half: Expr = HALF) -> tuple[Expr, Expr]:
    lam, tau = sp.symbols("lambda tau", positive=True)
    first, second, y = sp.symbols("m1 m2 Y", real=True)
    denoisers = [(mean + lam * y) / (1 + tau * lam) for mean in (first, second)]
    gamma = (half * (first - second)) ** 2 / (lam + 1 / tau)
    return (denoisers[0] - denoisers[1]) ** power / 4, sp.Derivative(gamma, tau)


def _balanced_error(mean: Expr = ONE, variance: Expr = ONE) -> tuple[Expr, Expr]:
    gamma, u = sp.Symbol("gamma", positive=True), sp.Symbol("u", real=True)
    spread = 2 * variance * gamma
    normal = sp.exp(-((u - mean * gamma) ** 2) / spread) / sp.sqrt(sp.pi * spread)
    left = sp.Integral(2 * normal, (u, -sp.oo, 0))
    return left, 1 - sp.erf(sp.sqrt(gamma / 2))


def _balanced_density(width: Expr = TWO) -> tuple[Expr, Expr]:
    gamma = sp.Symbol("gamma", positive=True)
    left = -sp.Derivative(sp.erfc(sp.sqrt(gamma / width)), gamma)
    return left, sp.exp(-gamma / 2) / sp.sqrt(2 * sp.pi * gamma)


def _moments(rate: Expr = HALF, power: Expr = HALF) -> tuple[Expr, Expr]:
    gamma, r = sp.symbols("gamma r", positive=True)
    density = gamma**-power * sp.exp(-rate * gamma) / sp.sqrt(2 * sp.pi)
    return sp.Integral(gamma**r * density, (gamma, 0, sp.oo)), 2**r * sp.gamma(HALF + r) / sp.sqrt(sp.pi)


def _cumulant(order: int, factor: Expr) -> Expr:
    r = sp.Symbol("r", real=True)
    moment = r * sp.log(2) + sp.loggamma(HALF + r) - sp.log(sp.pi) / 2
    return sp.Subs(factor * sp.Derivative(moment, (r, order)), r, 0)


def _mean_time(half: Expr = HALF) -> tuple[Expr, Expr]:
    return _cumulant(1, -half), (sp.EulerGamma + sp.log(2)) / 2


def _variance_of_time(half: Expr = HALF) -> tuple[Expr, Expr]:
    return _cumulant(2, half**2), sp.pi**2 / 8


def _prior_density(drift: Expr = ONE, tilt: Expr = TWO) -> tuple[Expr, Expr]:
    gamma = sp.Symbol("gamma", positive=True)
    odds = sp.Symbol("lambda", real=True)
    w = 1 / (1 + sp.exp(-tilt * odds))
    ahead, behind = ((drift * gamma + sign * odds) / sp.sqrt(2 * gamma) for sign in (1, -1))
    error = HALF * (w * sp.erfc(ahead) + (1 - w) * sp.erfc(behind))
    right = sp.exp(-gamma / 2 - odds**2 / (2 * gamma)) / sp.sqrt(2 * sp.pi * gamma) / sp.cosh(odds)
    return -2 * sp.Derivative(error, gamma), right


def _q(u: Expr, tau: Expr, half: Expr = HALF) -> Expr:
    near, far = (u - tau) / sp.sqrt(2 * tau), (u + tau) / sp.sqrt(2 * tau)
    return half * (sp.exp(-u) * sp.erfc(near) + sp.exp(u) * sp.erfc(far))


def _reflected(images: Expr = TWO, growth: Expr = HALF) -> tuple[Expr, Expr]:
    u, v, tau = sp.symbols("u v tau", positive=True)
    density = sp.exp(-((u + v) ** 2) / (2 * tau)) / sp.sqrt(2 * sp.pi * tau)
    near, far = ((u + v - sign * tau) / sp.sqrt(2 * tau) for sign in (1, -1))
    bracket = (sp.exp(-u) * sp.erfc(near) + sp.exp(u) * sp.erfc(far)) / 2
    left = images * sp.exp(-growth * tau) * density * (sp.exp(v) + sp.exp(-v)) / 2
    return left, -sp.Derivative(bracket, v)


def _backward(growth: Expr = HALF) -> tuple[Expr, Expr]:
    u, gamma, end = sp.symbols("u gamma gamma0", positive=True)
    h = sp.exp(-growth * gamma) * _q(u, end - gamma)
    return sp.Derivative(h, gamma), -sp.Derivative(h, (u, 2)) / 2


def _kink(growth: Expr = HALF, half: Expr = HALF) -> tuple[Expr, Expr]:
    u, gamma, tau = sp.symbols("u gamma tau", positive=True)
    slope = sp.exp(-growth * gamma) * sp.diff(_q(u, tau, half).rewrite(sp.erf), u).subs(u, 0)
    arcsine = sp.exp(-(gamma + tau) / 2) * sp.sqrt(2 / (sp.pi * tau))
    return slope, -sp.exp(-gamma / 2) * sp.erf(sp.sqrt(tau / 2)) - arcsine


def _gaussian_step(width: Expr = TWO) -> tuple[Expr, Expr]:
    before, after, mean = sp.symbols("Y Y1 D", real=True)
    step = sp.Symbol("Delta", positive=True)
    left = (-((after - before - mean * step) ** 2) + (after - before) ** 2) / (width * step)
    return left, mean * (after - before) - mean**2 * step / 2


THEOREM = Theorem(
    id="T19",
    name="commitment",
    statement=(
        r"Of two classes of any distributions, decided in the end, the likelier still changes below "
        r"$\sigma$ with probability "
        r"$2\varepsilon(\sigma)$, $\varepsilon$ the Bayes error; of $K$ classes with $\varepsilon\le "
        r"P\le2\varepsilon$. With a shared covariance and "
        r"$\lambda = \tfrac12\log\frac w{1-w}$ the $\gamma$ of the last change has density "
        r"$2\sqrt{w(1-w)}\,(2\pi\gamma)^{-1/2}e^{-\gamma/2-\lambda^2/2\gamma}$, at $w=\tfrac12$ $\chi^2$ "
        r"with one degree of freedom; it never changes with probability "
        r"$1-2\min(w,1-w)$. At $w=\tfrac12$, $s=1$: $\mathbb E\,t-\tfrac12\log M = "
        r"\tfrac12(\gamma_E+\log2)$, variance $\pi^2/8$. For a run that ends at "
        r"$\gamma_0$ and $w=\tfrac12$: "
        r"$\frac{e^{-\gamma_0/2}}{\pi\sqrt{\gamma(\gamma_0-\gamma)}}+(2\pi\gamma)^{-1/2}e^{-\gamma/2}\,"
        r"\mathrm{erf}\sqrt{(\gamma_0-\gamma)/2}$. "
        r"All follow from "
        r"$\mathrm dp_c = p_c(D_c-D)\cdot[\mathrm dB+\omega(D_c-D)\,\mathrm d\tau]$, $\tau=\sigma^{-2}$."
    ),
    sources=("A82", "W65", "D53", "G60"),
    hypotheses=(
        "any distributions of the classes, with second moments; exact denoisers; no guidance",
        "decided in the end: the posterior of an unguided run tends to 0 or 1",
        "the law of γ: two classes with a shared covariance, from infinite noise on",
    ),
    derivation=derivation,
    predict=predict,
)
