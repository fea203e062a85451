"""T24: any two Gaussian classes, of all means, covariances and weights, by one integral."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..closed_forms.two_gaussians import TwoGaussians
from ..closed_forms.unequal_pair import gaussian_pair
from ..mixtures.covariance import Diagonal, Full, Isotropic
from ..mixtures.mixture import GaussianMixture
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

DIMENSIONS = (2, 6, 20)
"""Dimensions in which entropy, agreement and Bayes error of two classes are predicted."""
SIGMA = 0.6
TAIL_SIGMA = 0.5
"""σ of the pair of `tail_mixture`, whose classes are nearly decided."""
CHANNEL_GAMMA, CHANNEL_PRIOR = 3.0, 0.2
"""A shared covariance, where T24 is the binary channel."""
SCALES = (4.0, 9)
"""ρ and d of two classes of one mean, where T24 is T16."""


def mixture(dimension: int) -> GaussianMixture:
    """Two classes of unequal weights, of which one covariance has correlated axes."""
    index = np.arange(dimension)
    correlated = 0.6 ** np.abs(index[:, None] - index)
    other = Isotropic(0.7) if dimension > DIMENSIONS[1] else Diagonal(np.linspace(0.3, 1.5, dimension))
    means = np.stack([np.zeros(dimension), 1.2 * np.cos(index) / np.sqrt(dimension) + 0.1])
    return GaussianMixture([0.35, 0.65], means, [Full(correlated), other])


def tail_mixture() -> GaussianMixture:
    """Two classes in the plane whose overlap is of the order of 1e-30."""
    first, second = [[0.5, 0.2], [0.2, 0.4]], [[0.9, -0.3], [-0.3, 0.6]]
    covariances = [Full(np.array(matrix)) for matrix in (first, second)]
    return GaussianMixture([0.1, 0.9], [[0.0, 0.0], [12.0, 16.0]], covariances)


def derivation() -> tuple[Block, ...]:
    """The kernel, the inversion, Chernoff's exponent of two Gaussians, the path, and special cases."""
    return (*_kernel(), *_inversion(), *_exponent(), *_path(), *_contained(), *_rate())


def predict() -> dict[str, float]:
    """Entropy, disagreement of clones and Bayes error in several dimensions, in a tail, and their slopes."""
    numbers: dict[str, float] = {}
    for d in DIMENSIONS:
        numbers |= _three(f"d={d}", gaussian_pair(mixture(d), SIGMA))
    pair = gaussian_pair(tail_mixture(), TAIL_SIGMA)
    numbers |= _three("tail", pair) | {"dH/dsigma2, tail": pair.entropy_slope}
    numbers["dH/dsigma2, d=2"] = gaussian_pair(mixture(2), SIGMA).entropy_slope
    shared = TwoGaussians(np.zeros(1), np.array([4 * CHANNEL_GAMMA]), prior=CHANNEL_PRIOR)
    numbers |= _three("shared covariance", shared)
    ratio, d = SCALES
    numbers |= _three("one mean", TwoGaussians(np.log([ratio]), np.zeros(1), np.array([float(d)])))
    return numbers


def _three(name: str, pair: TwoGaussians) -> dict[str, float]:
    return {
        f"H, {name}": pair.entropy,
        f"1 - phi, {name}": pair.disagreement,
        f"Bayes error, {name}": pair.bayes_error,
    }


def _kernel() -> tuple[Block, ...]:
    return (
        Text(
            r"Let $f_1,f_2$ be the densities of the noised state in the two classes, $w_1+w_2=1$ the "
            r"weights, and "
            r"$\ell=\log\frac{w_1f_1}{w_2f_2}$ the log-odds of the posterior, whose probabilities are "
            r"$p_1=e^\ell/(1+e^\ell)$ and $p_2=1/(1+e^\ell)$. The density of the state is "
            r"$w_2f_2(1+e^\ell)$, so "
            r"that every average of a function of the posterior is an integral of $w_2f_2$ with a "
            r"function of "
            r"$\ell$ alone. For the entropy of the posterior that function is"
            r" $F(\ell)=(1+e^\ell)\left[\log(1+e^\ell)-\frac{\ell e^\ell}{1+e^\ell}\right]$, hence"
            r" $H=\int w_2f_2\,F(\ell)\,dx$."
        ),
        Text(
            r"**The kernel.** Take the two-sided Laplace (Mellin) transform $k(s)=\int_{-\infty}^\infty "
            r"F(\ell)\,e^{-s\ell}\,d\ell$. $F$ looks unwieldy, but a combination of its derivatives is "
            r"the posterior "
            r"itself:"
        ),
        Identity.of(
            "F' − F'' = e^ℓ/(1 + e^ℓ)",
            _profile_equation,
            r"F'(\ell)-F''(\ell) = \frac{e^\ell}{1+e^\ell},\qquad F(\ell)=(1+e^\ell)\log(1+e^\ell)-\ell "
            r"e^\ell",
        ),
        Text(
            r"$F$ falls like $(1-\ell)e^{\ell}$ as $\ell\to-\infty$ and grows like $\ell+1$ as "
            r"$\ell\to+\infty$, and its "
            r"derivatives no faster. So for $0<\mathrm{Re}\,s<1$ the transform exists, partial "
            r"integration leaves "
            r"no boundary terms, and each derivative becomes a factor $s$: $(s-s^2)\,k(s)=J(s)$ with "
            r"$J(s)=\int_{-\infty}^{\infty}\frac{e^{(1-s)\ell}}{1+e^\ell}\,d\ell$. The integrand of $J$ "
            r"is multiplied by "
            r"$e^{-2\pi is}$ when $\ell$ moves up by $2\pi i$; between the two lines it has one pole, at "
            r"$\ell=i\pi$, "
            r"with the residue"
        ),
        *_euler_integral(),
    )


def _euler_integral() -> tuple[Block, ...]:
    return (
        Identity.of(
            "residue of e^{(1−s)ℓ}/(1+e^ℓ) at ℓ = iπ",
            _residue,
            r"\lim_{\ell\to i\pi}(\ell-i\pi)\,\frac{e^{(1-s)\ell}}{1+e^\ell} = e^{-i\pi s}",
        ),
        Text(
            r"The residue theorem gives $(1-e^{-2\pi is})\,J=2\pi i\,e^{-i\pi s}$, that is Euler's integral"
        ),
        Identity.of(
            "2πi e^{−iπs}/(1 − e^{−2πis}) = π/sin πs",
            _reflection,
            r"J(s) = \frac{2\pi i\,e^{-i\pi s}}{1-e^{-2\pi is}} = \frac{\pi}{\sin\pi s}",
        ),
        Text(
            r"and with it $k(s)=\dfrac{\pi}{s(1-s)\sin\pi s}$. Two clones that draw their class from the "
            r"posterior "
            r"disagree with probability $2p_1p_2$, to which $2e^\ell/(1+e^\ell)$ corresponds: its "
            r"transform is "
            r"$2J(s)=2\pi/\sin\pi s$. The likelier class is the wrong one with probability "
            r"$\min(p_1,p_2)$, to "
            r"which $\min(1,e^\ell)$ corresponds:"
        ),
        Identity.of(
            "transform of min(1, e^ℓ) is 1/(s(1−s)), at s = q/(1+q)",
            _bayes_kernel,
            r"\int_{-\infty}^0 e^{(1-s)\ell}\,d\ell+\int_0^\infty e^{-s\ell}\,d\ell = \frac1{s(1-s)}",
        ),
    )


def _inversion() -> tuple[Block, ...]:
    return (
        Text(
            r"**Back again.** Mellin's inversion says $F(\ell)=\frac1{2\pi i}\int_{c-i\infty}^{c+i\infty}"
            r"k(s)\,e^{s\ell}\,ds$ for any $0<c<1$. Average it over $w_2f_2$. Since "
            r"$w_2f_2\,e^{s\ell}=w_1^sw_2^{1-s}f_1^sf_2^{1-s}$, the only thing left of the two classes is "
            r"$\rho(s)=\int f_1^sf_2^{1-s}\,dx$, the exponential of Chernoff's exponent, and"
            r" $H=\frac1{2\pi i}\int_{c-i\infty}^{c+i\infty}k(s)\,w_1^sw_2^{1-s}\rho(s)\,ds$. This is "
            r"Parseval's formula for $F$ and the law of $\ell$, and it holds for any two classes, "
            r"Gaussian or not."
        ),
        Argument(
            "Both integrals may be exchanged: |ρ(c + iy)| ≤ ρ(c) ≤ 1 by Hölder's inequality, and each "
            "kernel is "
            "absolutely integrable along the line or, for 1/(s(1−s)), falls as 1/y²."
        ),
        Argument("Inversion of a two-sided Laplace transform that is absolutely integrable along the line."),
    )


def _exponent() -> tuple[Block, ...]:
    return (
        Text(
            r"**Two Gaussians.** The classes are $N(m_k,S_k)$ with $S_k=\Sigma_k+\sigma^2I$. Solve the "
            r"generalised "
            r"eigenvalue problem $S_1v_i=\rho_iS_2v_i$ with $v_i^TS_2v_j=\delta_{ij}$, and take the "
            r"coordinates "
            r"$x_i=v_i^T(x-m_2)$. In them the second class is $N(0,I)$ and the first has independent "
            r"components "
            r"$N(z_i,\rho_i)$, $z_i=v_i^T(m_1-m_2)$; write $q_i=z_i^2$. The integral $\int "
            r"f_1^sf_2^{1-s}dx$ does not "
            r"depend on coordinates, because the Jacobian enters with the power $s+(1-s)=1$; so it is a "
            r"product over "
            r"directions, and one of them is a Gaussian integral. Complete the square:"
        ),
        Identity.of(
            "s(x−z)²/ρ + (1−s)x² = (f/ρ)(x − sz/f)² + s(1−s)z²/f",
            _square,
            r"\frac{s(x-z)^2}{\rho}+(1-s)x^2 = \frac f\rho\left(x-\frac{sz}f\right)^2+\frac{s(1-s)z^2}f,"
            r"\qquad f=(1-s)\rho+s",
        ),
        Text(
            r"The last term does not depend on $x$; in the first, $x$ may be counted from $sz/f$. What is "
            r"left is a normal "
            r"density of variance $\rho/f$ up to its factor:"
        ),
        Identity.of(
            "∫ (2πρ)^{−s/2} (2π)^{−(1−s)/2} e^{−fx²/2ρ} dx = ρ^{(1−s)/2} f^{−1/2}",
            _one_direction,
            r"\frac1{(2\pi\rho)^{s/2}(2\pi)^{(1-s)/2}}\int e^{-fx^2/2\rho}\,dx = \rho^{(1-s)/2}f^{-1/2}",
        ),
        Text(
            r"Taking the logarithm and adding directions, with $f_i=(1-s)\rho_i+s$,"
            r" $\log\rho(s)=\sum_i\left\{\tfrac12\left[(1-s)\log\rho_i-\log f_i\right]"
            r"-\tfrac12s(1-s)\,q_i/f_i\right\}$. In matrices the same is "
            r"$-\tfrac12s(1-s)\Delta^TS^{-1}\Delta-\tfrac12\log\left[\det S\,(\det S_1)^{s-1}(\det "
            r"S_2)^{-s}\right]$ with "
            r"$S=(1-s)S_1+sS_2$ and $\Delta=m_1-m_2$; checked here for any two classes in the plane, where "
            r"$S_2=AA^T$, $S_1=A\,\mathrm{diag}(\rho_1,\rho_2)A^T$, $\Delta=Az$:"
        ),
        *_sum_over_directions(),
    )


def _sum_over_directions() -> tuple[Block, ...]:
    return (
        Identity.of(
            "quadratic form in the plane",
            _form_in_the_plane,
            r"s(1-s)\,\Delta^T\left[(1-s)S_1+sS_2\right]^{-1}\Delta = "
            r"s(1-s)\left(\frac{z_1^2}{f_1}+\frac{z_2^2}{f_2}\right)",
        ),
        Identity.of(
            "determinant in the plane",
            _determinant_in_the_plane,
            r"\det\left[(1-s)S_1+sS_2\right] = f_1f_2\,\det S_2,\qquad \det S_1=\rho_1\rho_2\det S_2",
        ),
        Argument("Two symmetric matrices, one of them positive definite, are diagonalised by one basis."),
    )


def _path() -> tuple[Block, ...]:
    return (
        Text(
            r"**Any path will do.** $\rho(s)$ is singular only where some $f_i=0$, at "
            r"$s=\rho_i/(\rho_i-1)$, which "
            r"is real and outside $[0,1]$; the kernels have poles at the integers alone. The integrand is "
            r"therefore analytic in the strip $0<\mathrm{Re}\,s<1$ and in both half-planes, and falls "
            r"along the strip: by "
            r"Cauchy's theorem $c$ may be any number in $(0,1)$, and the path may be bent above and below "
            r"the real axis."
        ),
        Text(
            r"**The saddle.** Which $c$ is best? On the real axis the integrand is positive. There "
            r"$\log\rho$ "
            r"vanishes at both ends and is convex, since in each direction"
        ),
        Identity.of(
            "(log ρ)'' = ½(ρ−1)²/f² + ρz²/f³",
            _convex,
            r"\frac{d^2}{ds^2}\left\{\tfrac12[(1-s)\log\rho-\log f]-\frac{s(1-s)z^2}{2f}\right\}"
            r" = \frac{(\rho-1)^2}{2f^2}+\frac{\rho z^2}{f^3}\ge0",
        ),
        Identity.of(
            "log ρ(0) = log ρ(1) = 0",
            _ends,
            r"\log\rho(s)\big|_{s=0} = \log\rho(s)\big|_{s=1} = 0",
        ),
        Text(
            r"and so is the logarithm of each kernel, which grows without bound at both ends. The "
            r"integrand has "
            r"one least value on $(0,1)$, at the saddle $c$; along the vertical line through $c$ its "
            r"modulus is largest at $c$, because $|\rho(c+iy)|\le\rho(c)$. There nothing cancels: the sum "
            r"of the "
            r"trapezoidal rule is of the size of its largest term, so that its *relative* error is that of "
            r"rounding, however small $H$ is. Conjugate points have conjugate values, hence half the line "
            r"suffices: "
            r"$H=\frac1\pi\int_0^\infty\mathrm{Re}\left[k\,w_1^sw_2^{1-s}\rho\right]_{s=c+iy}dy$. For a "
            r"shared covariance "
            r"(below) the saddle of two balanced classes is $s=\tfrac12$, and the Gaussian integral over $y$ "
            r"about it is the leading term of T9 at large $\gamma$:"
        ),
        Identity.of(
            "the saddle gives √(π/2γ) e^{−γ/2}",
            _laplace,
            r"\frac1{2\pi}\left[\frac{\pi}{s(1-s)\sin\pi s}\cdot\tfrac12e^{-2s(1-s)\gamma}\right]_{s=1/2}"
            r"\int_{-\infty}^{\infty}e^{-2\gamma y^2}dy = \sqrt{\frac{\pi}{2\gamma}}\;e^{-\gamma/2}",
        ),
    )


def _contained() -> tuple[Block, ...]:
    return (
        Text(
            r"**T2 is contained.** A shared covariance has every $\rho_i=1$, $f_i=1$, and $\sum "
            r"q_i=4\gamma$ with "
            r"$\gamma=\delta^T(\Sigma+\sigma^2I)^{-1}\delta$, $\delta=\tfrac12(m_1-m_2)$. Then "
            r"$\rho(s)=e^{-2s(1-s)\gamma}$, which is what $L\sim N(\pm\gamma,\gamma)$ for the half "
            r"log-odds gives:"
        ),
        Identity.of(
            "E₂ e^{2sL} = e^{−2s(1−s)γ}, L ~ N(−γ, γ)",
            _channel,
            r"\int\frac{e^{-(u+\gamma)^2/2\gamma}}{\sqrt{2\pi\gamma}}\,e^{2su}\,du = e^{-2s(1-s)\gamma}",
        ),
        Text(
            r"and differentiating under the integral turns the entropy's kernel into that of clones, "
            r"which is T4, "
            r"$dH/d\gamma=-(1-\varphi)$:"
        ),
        Identity.of(
            "d/dγ k e^{−2s(1−s)γ} = −(2π/sin πs) e^{−2s(1−s)γ}",
            _information_rate,
            r"\frac{\partial}{\partial\gamma}\left[\frac{\pi}{s(1-s)\sin\pi s}e^{-2s(1-s)\gamma}\right]"
            r" = -\frac{2\pi}{\sin\pi s}\,e^{-2s(1-s)\gamma}",
        ),
        Text(
            r"**T16 is contained.** One mean has $q_i=0$; let $\rho_i=e^{2a}$ in $d$ directions, "
            r"$\eta=\tanh a=(\rho-1)/(\rho+1)$. On the line $s=\tfrac12+iy$"
        ),
        Identity.of(
            "f = e^a cosh a (1 − 2iy tanh a)",
            _scales,
            r"(1-s)e^{2a}+s = e^a\cosh a\,\left(1-2iy\tanh a\right),\qquad s=\tfrac12+iy",
        ),
        Text(
            r"so that $\rho(s)=(1-\eta^2)^{d/4}e^{-iyda}(1-2iy\eta)^{-d/2}$. The last factor is "
            r"$\mathbb E\,e^{iy\eta\chi^2_d}$: $\rho$ is the characteristic function, at frequency $2y$, "
            r"of T16's "
            r"$L=\tfrac12(\eta\chi^2_d-d\,\mathrm{artanh}\,\eta)$, damped by $(1-\eta^2)^{d/4}$; and "
            r"$k(\tfrac12+iy)$ is "
            r"the transform of T16's profile."
        ),
        Identity.of(
            "E e^{−τχ²} = (1 + 2τ)^{−1/2}, continued to τ = −iyη",
            _chi_square,
            r"\int_{-\infty}^\infty e^{-\tau x^2}\,\frac{e^{-x^2/2}}{\sqrt{2\pi}}\,dx = (1+2\tau)^{-1/2},"
            r"\qquad\tau\to-iy\eta",
        ),
    )


def _rate() -> tuple[Block, ...]:
    return (
        Text(
            r"**The rate** follows by differentiating $\log\rho$. On common axes with variances $a$ and $b$, "
            r"$\nu=\sigma^2$, a direction has $\rho=(a+\nu)/(b+\nu)$, $q=\Delta^2/(b+\nu)$ and "
            r"$|v|^2=1/(b+\nu)$:"
        ),
        Identity.of(
            "∂ log ρ/∂σ² on common axes",
            _slope,
            r"\frac{\partial}{\partial\nu}\left\{\tfrac12[(1-s)\log\rho-\log f]-\frac{s(1-s)q}{2f}\right\} = "
            r"\frac{s(1-s)}2|v|^2\left[\frac{(\rho-1)^2}{\rho f}+\frac q{f^2}\right]",
        ),
        Text(
            r"The factor $s(1-s)$ takes away the kernel's poles at the ends, and without common axes the "
            r"second term is "
            r"$\left|\sum_iv_iz_i/f_i\right|^2$."
        ),
        Measured(
            "Entropy, agreement of clones and Bayes error of draws in 2, 6 and 20 dimensions; all three "
            "and the rate "
            "in the plane, in a tail of 1e-30, by a sum over the plane; the binary channel and T16's "
            "integral by theirs."
        ),
    )


def _q() -> tuple[Expr, Expr]:
    """`q > 0`, and `s = q/(1+q)`, which lies in (0, 1) whatever q is."""
    q = sp.Symbol("q", positive=True)
    return q, q / (1 + q)


def _profile_equation(mean_weight: Expr = ONE) -> tuple[Expr, Expr]:
    x = sp.Symbol("ell", real=True)
    profile = (1 + sp.exp(x)) * sp.log(1 + sp.exp(x)) - mean_weight * x * sp.exp(x)
    return sp.Derivative(profile, x) - sp.Derivative(profile, (x, 2)), sp.exp(x) / (1 + sp.exp(x))


def _residue(offset: Expr = ONE) -> tuple[Expr, Expr]:
    x, s = sp.Symbol("ell"), sp.Symbol("s", positive=True)
    pole = sp.I * sp.pi
    quotient = (x - pole) * sp.exp((offset - s) * x) / (1 + sp.exp(x))
    return sp.Limit(quotient, x, pole), sp.exp(-sp.I * sp.pi * s)


def _reflection(turn: Expr = TWO) -> tuple[Expr, Expr]:
    s = sp.Symbol("s", positive=True)
    phase = sp.exp(-sp.I * sp.pi * s)
    return 2 * sp.pi * sp.I * phase / (1 - sp.exp(-turn * sp.pi * sp.I * s)), sp.pi / sp.sin(sp.pi * s)


def _bayes_kernel(odds_power: Expr = ONE) -> tuple[Expr, Expr]:
    _, s = _q()
    x = sp.Symbol("ell", positive=True)
    below = sp.Integral(sp.exp(-(odds_power - s) * x), (x, 0, sp.oo))
    return below + sp.Integral(sp.exp(-s * x), (x, 0, sp.oo)), 1 / (s * (1 - s))


def _square(variance_weight: Expr = ONE) -> tuple[Expr, Expr]:
    x, z, s, ratio = (
        sp.Symbol("x", real=True),
        sp.Symbol("z", real=True),
        *sp.symbols("s rho", positive=True),
    )
    f = (1 - s) * ratio * variance_weight + s
    left = s * (x - z) ** 2 / ratio + (1 - s) * x**2
    return left, f / ratio * (x - s * z / f) ** 2 + s * (1 - s) * z**2 / f


def _direction(s: Expr, ratio: Expr, square: Expr, half: Expr = HALF) -> Expr:
    """What one direction adds to `log ρ(s)`."""
    f = (1 - s) * ratio + s
    return half * ((1 - s) * sp.log(ratio) - sp.log(f)) - s * (1 - s) * square / (2 * f)


def _one_direction(power: Expr = HALF) -> tuple[Expr, Expr]:
    x, (s, ratio, f) = sp.Symbol("x", real=True), sp.symbols("s rho f", positive=True)
    density = (2 * sp.pi * ratio) ** (-s * power) * (2 * sp.pi) ** (-(1 - s) / 2)
    mass = density * sp.Integral(sp.exp(-f * x**2 / (2 * ratio)), (x, -sp.oo, sp.oo))
    return sp.log(mass), (1 - s) * sp.log(ratio) / 2 - sp.log(f) / 2


def _plane() -> tuple[Expr, Expr, Expr, Expr]:
    a, z = sp.Matrix(2, 2, sp.symbols("a:d", real=True)), sp.Matrix(sp.symbols("z1 z2", real=True))
    s, first, second = sp.symbols("s rho1 rho2", positive=True)
    return a, z, s, (first, second)


def _form_in_the_plane(share: Expr = ONE) -> tuple[Expr, Expr]:
    a, z, s, ratios = _plane()
    whole = (share - s) * a * sp.diag(*ratios) * a.T + s * a * a.T
    left = s * (1 - s) * ((a * z).T * whole.inv() * a * z)[0]
    return sp.together(left), sum(
        s * (1 - s) * z[i] ** 2 / ((1 - s) * ratio + s) for i, ratio in enumerate(ratios)
    )


def _determinant_in_the_plane(share: Expr = ONE) -> tuple[Expr, Expr]:
    a, _, s, ratios = _plane()
    whole = (share - s) * a * sp.diag(*ratios) * a.T + s * a * a.T
    factors = sp.Mul(*((1 - s) * ratio + s for ratio in ratios))
    return whole.det(), factors * (a * a.T).det()


def _convex(half: Expr = HALF, variance_weight: Expr = ONE) -> tuple[Expr, Expr]:
    s, ratio, z = sp.symbols("s rho z", positive=True)
    left = sp.Derivative(_direction(s, variance_weight * ratio, z**2, half), (s, 2))
    f = (1 - s) * ratio + s
    return left, (ratio - 1) ** 2 / (2 * f**2) + ratio * z**2 / f**3


def _ends(first_power: Expr = ONE) -> tuple[Expr, Expr]:
    s, ratio, z = sp.symbols("s rho z", positive=True)
    f = (1 - s) * ratio + s
    log = ((first_power - s) * sp.log(ratio) - sp.log(f)) / 2 - s * (1 - s) * z**2 / (2 * f)
    return sp.Matrix([sp.Subs(log, s, end) for end in (0, 1)]), sp.zeros(2, 1)


def _laplace(exponent: Expr = TWO) -> tuple[Expr, Expr]:
    gamma, y = sp.Symbol("gamma", positive=True), sp.Symbol("y", real=True)
    s = sp.Rational(1, 2)
    peak = sp.pi / (s * (1 - s) * sp.sin(sp.pi * s)) / 2 * sp.exp(-exponent * s * (1 - s) * gamma)
    width = sp.Integral(sp.exp(-exponent * gamma * y**2), (y, -sp.oo, sp.oo))
    return peak * width / (2 * sp.pi), sp.sqrt(sp.pi / (2 * gamma)) * sp.exp(-gamma / 2)


def _channel(variance: Expr = ONE) -> tuple[Expr, Expr]:
    u, (gamma, s) = sp.Symbol("u", real=True), sp.symbols("gamma s", positive=True)
    spread = variance * gamma
    exponent = sp.expand(2 * s * u - (u + gamma) ** 2 / (2 * spread))
    left = sp.Integral(sp.exp(exponent) / sp.sqrt(2 * sp.pi * spread), (u, -sp.oo, sp.oo))
    return left, sp.exp(-2 * s * (1 - s) * gamma)


def _information_rate(exponent: Expr = TWO) -> tuple[Expr, Expr]:
    gamma, s = sp.symbols("gamma s", positive=True)
    damping = sp.exp(-exponent * s * (1 - s) * gamma)
    kernel = sp.pi / (s * (1 - s) * sp.sin(sp.pi * s))
    right = -2 * sp.pi / sp.sin(sp.pi * s) * sp.exp(-2 * s * (1 - s) * gamma)
    return sp.Derivative(kernel * damping, gamma), right


def _scales(line: Expr = HALF) -> tuple[Expr, Expr]:
    a, y = sp.symbols("a y", positive=True)
    s = line + sp.I * y
    left = sp.expand((1 - s) * sp.exp(2 * a) + s)
    right = sp.exp(a) * sp.cosh(a) * (1 - 2 * sp.I * y * sp.tanh(a))
    return left, sp.expand(right.rewrite(sp.exp))


def _chi_square(rate: Expr = ONE) -> tuple[Expr, Expr]:
    x, tau = sp.Symbol("x", real=True), sp.Symbol("tau", positive=True)
    normal = sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)
    left = sp.Integral(sp.exp(-rate * tau * x**2) * normal, (x, -sp.oo, sp.oo))
    return left, (1 + 2 * tau) ** -HALF


def _slope(own_noise: Expr = ONE) -> tuple[Expr, Expr]:
    s, first, second, gap, noise = sp.symbols("s a b Delta nu", positive=True)
    ratio, square = (first + own_noise * noise) / (second + noise), gap**2 / (second + noise)
    left = sp.Derivative(_direction(s, ratio, square), noise)
    ratio = (first + noise) / (second + noise)
    f = (1 - s) * ratio + s
    return left, s * (1 - s) / (2 * (second + noise)) * ((ratio - 1) ** 2 / (ratio * f) + square / f**2)


THEOREM = Theorem(
    id="T24",
    name="two Gaussians",
    statement=(
        r"For two classes with densities $f_1,f_2$ of the noised state, $\rho(s)=\int f_1^sf_2^{1-s}\,dx$ "
        r"and any $0<c<1$: "
        r"$H=\frac1{2\pi i}\int_{c-i\infty}^{c+i\infty}\frac{\pi}{s(1-s)\sin\pi "
        r"s}\,w_1^sw_2^{1-s}\rho(s)\,ds$; the "
        r"kernel $2\pi/\sin\pi s$ gives $1-\varphi$, and $1/(s(1-s))$ the Bayes error. For Gaussian "
        r"classes with "
        r"generalised eigenvalues $\rho_i$ of $(\Sigma_1+\sigma^2I,\,\Sigma_2+\sigma^2I)$ and squared "
        r"differences $q_i$ of "
        r"the means in the second's units, $\log\rho(s)=\sum_i\left\{\tfrac12\left[(1-s)\log\rho_i-"
        r"\log((1-s)\rho_i+s)\right]-\tfrac12s(1-s)\,q_i/((1-s)\rho_i+s)\right\}$. "
        r"It contains T2, where $\rho(s)=e^{-2s(1-s)\gamma}$, and T16."
    ),
    sources=("C52",),
    hypotheses=(
        "two classes of any weights; the integral for any densities",
        r"Gaussian classes of any means and covariances, $\Sigma_k+\sigma^2I$ invertible, for the exponent",
    ),
    derivation=derivation,
    predict=predict,
)
