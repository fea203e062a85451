"""T18: with n samples the empirical score collapses onto one; as log n/d → 0 at T14's threshold."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..closed_forms.collapse import (
    collapse_time,
    collapse_time_expression,
    critical_samples,
    sample_entropy_bounds,
    sample_information,
)
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

CASES = ((20_000, 256), (20_000, 4096), (100, 64))
"""Numbers of samples and dimensions, `s = 1`, at which times are predicted."""
MEASURED = (64, 1.0, 64.0, 400, (3.0, 5.0, 9.0))
"""d, s², M, n and σ at which the entropy of the sample is bounded."""


def derivation() -> tuple[Block, ...]:
    """The density i and its mean, both bounds, the threshold, its small-α form, and the boundary."""
    return (*_density(), *_lower(), *_upper(), *_threshold(), *_small_alpha(), *_boundary())


def predict() -> dict[str, float]:
    """Collapse times, with and without the class's share, bounds of the entropy, and the boundary."""
    numbers: dict[str, float] = {}
    for n, d in CASES:
        numbers[f"t_C, n={n}, d={d}"] = float(collapse_time(n, d))
        numbers[f"t_C with classes, n={n}, d={d}"] = float(collapse_time(n, d, separation2=float(d)))
    d, s2, M, n, sigmas = MEASURED
    for sigma in sigmas:
        lower, upper = sample_entropy_bounds(sigma, n, d, s2, M)
        numbers |= {
            f"lower bound at sigma = {sigma:g}": float(lower),
            f"upper bound at sigma = {sigma:g}": float(upper),
        }
        numbers[f"I at sigma = {sigma:g}"] = float(sample_information(sigma, d, s2, M))
    numbers["log n of the boundary, d=64"] = float(critical_samples(64))
    numbers["log n of the boundary, large d"] = float(critical_samples(1e12))
    return numbers


def _density() -> tuple[Block, ...]:
    return (
        Text(
            r"**Samples as classes.** The empirical score of $n$ training samples $x_1,\ldots,x_n$ is the "
            r"exact score of the law $\frac1n\sum_jN(x_j,\sigma^2I)$ of noised samples: $n$ classes "
            r"without spread. The posterior of the sample is a softmax over $-|x-x_j|^2/2\sigma^2$, and "
            r"the empirical reverse process has collapsed once it is on one sample. Half of the samples "
            r"are drawn from each of two classes $N(\pm\delta,s^2I)$ in $d$ dimensions, $|\delta|^2=M$; "
            r"$\rho=\sigma^2/(s^2+\sigma^2)$."
        ),
        Text(
            r"**The density of information.** For a state $x$ made from the sample $x_0$ in class $C$, let "
            r"$i=\log p(x|x_0)-\log p(x|C)$, where $p(x|x_0)=N(x;x_0,\sigma^2I)$ and "
            r"$p(x|C)=N(x;\pm\delta,(s^2+\sigma^2)I)$: what the state tells about its sample beyond the "
            r"class. Its mean is the information $I_1$ of $d$ Gaussian channels, a difference of "
            r"differential entropies, for one coordinate"
        ),
        Identity.of(
            "h(N(0, v)) = ½ log 2πe v",
            _information,
            r"-\int N(x;0,v)\,\log N(x;0,v)\,dx = \tfrac12\log(2\pi v)+\tfrac12",
        ),
        Text(
            r"at $v=s^2+\sigma^2$ less that at $v=\sigma^2$, so $I_1=\frac d2\log(1+s^2/\sigma^2)$. About "
            r"its mean it fluctuates: per coordinate $i-I_1/d=\frac12(u^2-z^2)$ where $z$ is the noise and "
            r"$u=\sqrt\rho\,z+\sqrt{1-\rho}\,w$ the whole deviation from the class mean, both in units of "
            r"their spread, with $w$ the clean deviation. A Gaussian mean of the exponential of a "
            r"quadratic form with the matrix $A$ is $\mathbb E e^{\frac q2y^TAy}=\det(I-qA)^{-1/2}$, and "
            r"here"
        ),
        Identity.of(
            "det(I − qA) = 1 − q²(1 − ρ)",
            _determinant,
            r"\det(I-qA) = 1-q^2(1-\rho),\qquad y^TAy = (\sqrt\rho\,z+\sqrt{1-\rho}\,w)^2-z^2",
        ),
        Text(
            r"so $\log\mathbb E e^{q(i-I_1)}=-\frac d2\log(1-q^2(1-\rho))$, which is how the upper bound "
            r"below is evaluated. The spread is $\sqrt{d(1-\rho)}$, small compared with $I_1$ in many "
            r"dimensions:"
        ),
        Identity.of(
            "Var i = d(1 − ρ)",
            _spread,
            r"\frac{d^2}{dq^2}\Bigl[-\frac d2\log\bigl(1-q^2(1-\rho)\bigr)\Bigr]_{q=0} = d\,(1-\rho)",
        ),
    )


def _lower() -> tuple[Block, ...]:
    return (
        Text(
            r"**Lower bound.** The sample's index is uniform, so $H(\mathrm{sample}|X)=\log "
            r"n-I(\mathrm{sample};X)$ for a given training set. Averaged over training sets, the index "
            r"together with the set tells about $X$ no more than $x_0$ itself does:"
        ),
        Argument(
            r"Data processing: given $x_0$ the state depends on neither index nor set, hence "
            r"$I(\mathrm{sample};X|\mathrm{set})\le I(\mathrm{sample},\mathrm{set};X)=I(X_0;X)=I$."
        ),
        Text(
            r"By the chain rule $I(X_0;X)=I(X_0;X|C)+I(C;X)$, that is $I=I_1+\log2-H_2(M/(s^2+\sigma^2))$. "
            r"Hence $H(\mathrm{sample}|X)\ge\max(0,\log n-I)$."
        ),
    )


def _upper() -> tuple[Block, ...]:
    return (
        Text(
            r"**Upper bound.** The sample determines its class, so "
            r"$H(\mathrm{sample}|X)=H(C|X,\mathrm{set})+H(\mathrm{sample}|C,X,\mathrm{set})$. The set can "
            r"only tell more about the class: the first term is at most $H_2$. The second is $\mathbb "
            r"E\log\bigl(1+\sum_jp(x|x_j)/p(x|x_0)\bigr)$ over the $n/2-1$ other samples of the class. "
            r"Averaging those inside the logarithm raises it (Jensen), and the mean over one of them is "
            r"the density of the class:"
        ),
        Identity.of(
            "∫ N(x; y, σ²) N(y; 0, s²) dy = N(x; 0, s² + σ²)",
            _convolution,
            r"\mathbb E\,p(x|x_j) = \int N(x;y,\sigma^2)\,N(y;0,s^2)\,dy = N(x;0,s^2+\sigma^2) = p(x|C)",
        ),
        Text(
            r"(one coordinate, from the class mean). With $p(x|C)/p(x|x_0)=e^{-i}$ this is $H_2+\mathbb "
            r"E\log\bigl(1+(\frac n2-1)e^{-i}\bigr)$. These are T14's two bounds with samples for classes."
        ),
    )


def _threshold() -> tuple[Block, ...]:
    return (
        Text(
            r"**The threshold.** The sample is decided where the information suffices to name it, $I=\log "
            r"n$. The class's share is at most $\log2$; without it the condition is $\frac "
            r"d2\log(1+s^2/\sigma^2)=\log n$, whose OU time is "
            r"$t_C=\frac12\log\bigl(1+s^2/(n^{2/d}-1)\bigr)$. Put back, with $\sigma^2=e^{2t}-1$:"
        ),
        Identity.of(
            "I₁ = log n at t_C",
            _at_the_threshold,
            r"\frac d2\log\Bigl(1+\frac{s^2}{e^{2t_C}-1}\Bigr) = \log n",
        ),
        Argument(
            r"That the threshold is sharp as $d\to\infty$ at fixed $\alpha=\log n/d$ is the random-energy "
            r"argument: above it the sum over the other samples is its mean and below the true sample, "
            r"below it the other way about.",
            "B24",
        ),
    )


def _small_alpha() -> tuple[Block, ...]:
    return (
        Text(
            r"**Small α.** In terms of $\alpha$ it is $t_C=\frac12\log\bigl(1+s^2/(e^{2\alpha}-1)\bigr)$, "
            r"and as $\alpha\to0$ the noise level is $\sigma^2\approx s^2/2\alpha$:"
        ),
        Identity.of(
            "2α σ_C² → s²",
            _leading,
            r"\lim_{\alpha\to0}2\alpha\,\frac{s^2}{e^{2\alpha}-1} = s^2",
        ),
        Text(
            r"In T14 the means are samples of length $|m|^2\approx s^2d$ that have no spread, "
            r"$g=s^2d/\sigma^2$, and its threshold is $g=2\log n$, $\sigma^2=s^2/2\alpha$: the same. At "
            r"finite $\alpha$ it is not; with random means it is T25's, $g_c=d(e^{2\alpha}-1)$, exactly. "
            r"The two differ first by"
        ),
        Identity.of(
            "T14's σ² less the exact one → s²/2",
            _difference,
            r"\lim_{\alpha\to0}\Bigl[\frac{s^2}{2\alpha}-\frac{s^2}{e^{2\alpha}-1}\Bigr] = \frac{s^2}2",
        ),
    )


def _boundary() -> tuple[Block, ...]:
    return (
        Text(
            r"**Speciation first.** Going backwards, larger $t$ comes first: the class is decided before "
            r"the sample iff $t_S>t_C$. By curvature $t_S$ is where $\gamma=M/(s^2+\sigma_S^2)=1$, and for "
            r"$M=\mu^2d$ this is $\sigma_S^2=\mu^2d-s^2$. The smallest $n$ for which the sample comes "
            r"later is that whose threshold is there:"
        ),
        Identity.of(
            "log n of the boundary → s²/2μ²",
            _critical,
            r"\lim_{d\to\infty}\frac d2\log\Bigl(1+\frac{s^2}{\mu^2d-s^2}\Bigr) = \frac{s^2}{2\mu^2}",
        ),
        Text(
            r"exactly $\log n=-\frac d2\log(1-s^2/\mu^2d)$. A number of samples that does not grow with "
            r"the dimension is enough for the class to be decided first."
        ),
        Measured(
            r"The entropy of the sample over 60 random training sets between both bounds; the mean of $i$ "
            r"and of the class's share on draws; the thresholds and the boundary by bisection on an "
            r"information that is summed from densities on a grid, and on the curvature of $\log p$ by "
            r"second differences."
        ),
    )


def _normal(x: Expr, variance: Expr) -> Expr:
    return sp.exp(-(x**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def _information(half: Expr = HALF) -> tuple[Expr, Expr]:
    x, v = sp.Symbol("x", real=True), sp.Symbol("v", positive=True)
    surprise = half * x**2 / v + sp.log(2 * sp.pi * v) / 2
    left = sp.Integral(sp.expand(_normal(x, v) * surprise), (x, -sp.oo, sp.oo))
    return left, sp.log(2 * sp.pi * v) / 2 + sp.Rational(1, 2)


def _determinant(weight: Expr = ONE) -> tuple[Expr, Expr]:
    q, rho = sp.symbols("q rho", positive=True)
    u = sp.Matrix([sp.sqrt(rho), sp.sqrt(1 - rho)])  # in terms of z and w
    form = u * u.T - weight * sp.diag(1, 0)
    return (sp.eye(2) - q * form).det(), 1 - q**2 * (1 - rho)


def _spread(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    q, rho, d = sp.symbols("q rho d", positive=True)
    generating = -half * d * sp.log(1 - q**power * (1 - rho))
    return sp.Subs(sp.Derivative(generating, q, 2), q, 0), d * (1 - rho)


def _convolution(noise: Expr = ONE) -> tuple[Expr, Expr]:
    x, y = sp.symbols("x y", real=True)
    s2, sigma2 = sp.symbols("s2 sigma2", positive=True)
    left = sp.Integral(_normal(x - y, noise * sigma2) * _normal(y, s2), (y, -sp.oo, sp.oo))
    return left, _normal(x, s2 + sigma2)


def _at_the_threshold(half: Expr = HALF, clock: Expr = TWO) -> tuple[Expr, Expr]:
    n, d, s2 = sp.symbols("n d s2", positive=True)
    noise = sp.exp(clock * collapse_time_expression()) - 1
    return half * d * sp.log(sp.simplify(1 + s2 / noise)), sp.log(n)


def _leading(threshold: Expr = TWO) -> tuple[Expr, Expr]:
    alpha, s2 = sp.symbols("alpha s2", positive=True)
    return sp.Limit(2 * alpha * s2 / (sp.exp(threshold * alpha) - 1), alpha, 0, "+"), s2


def _difference(order: int = 1) -> tuple[Expr, Expr]:
    alpha, s2 = sp.symbols("alpha s2", positive=True)
    exact = (sp.exp(2 * alpha) - 1) / s2
    # both over their common denominator
    return sp.Limit((exact - 2 * alpha / s2) * s2 / (2 * alpha * exact) ** order, alpha, 0, "+"), s2 / 2


def _critical(half: Expr = HALF, level: Expr = ONE) -> tuple[Expr, Expr]:
    s2, mu, x = sp.symbols("s2 mu x", positive=True)  # x = 1/d
    noise = mu**2 / (level * x) - s2
    return sp.Limit(half / x * sp.log(sp.together(1 + s2 / noise)), x, 0, "+"), s2 / (2 * mu**2)


THEOREM = Theorem(
    id="T18",
    name="collapse",
    statement=(
        r"$\max(0, \log n - I) \le H(\text{sample}\,|\,X) \le H_2 + \mathbb "
        r"E\log\bigl(1+(n/2-1)e^{-i}\bigr)$, $I(\sigma) = \tfrac d2\log(1+s^2/\sigma^2) + \log 2 - H_2$, "
        r"with $H_2$ the entropy of the two classes at $\gamma=M/(s^2+\sigma^2)$ (T2) "
        r"and $i = \log p(x|x_0) - \log p(x|C)$ the density of the "
        r"information about the sample in its class; without the class's share $I = \log n$ is $t_C = "
        r"\tfrac12\log\Bigl(1+\frac{s^2}{n^{2/d}-1}\Bigr)$, $\alpha = \log n/d$; speciation comes first "
        r"iff $t_S > t_C$. As $\alpha \to 0$ the threshold is T14's with samples for classes."
    ),
    sources=("B24",),
    hypotheses=("n independent samples, half of each of two classes with Σ = s²I",),
    derivation=derivation,
    predict=predict,
)
