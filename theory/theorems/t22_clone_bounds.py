"""T22: what an agreement of clones says about the class entropy, whatever the data."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..closed_forms.clone_bounds import clone_bounds
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

CASES = ((0.6, 2), (0.9, 2), (0.4, 3), (0.55, 3), (0.8, 3), (0.3, 4), (0.7, 4))
"""Pairs (φ, K) at which the bounds are predicted."""


def derivation() -> tuple[Block, ...]:
    """Extreme posteriors have two values; one curve of each kind is concave, or convex and then concave."""
    return (*_hull(), *_below(), *_above())


def predict() -> dict[str, float]:
    """Both bounds at `CASES`."""
    numbers: dict[str, float] = {}
    for phi, classes in CASES:
        lower, upper = clone_bounds(phi, classes)
        numbers[f"lower, phi={phi:g}, K={classes}"] = float(lower)
        numbers[f"upper, phi={phi:g}, K={classes}"] = float(upper)
    return numbers


def _hull() -> tuple[Block, ...]:
    return (
        Text(
            r"**A question about the simplex.** Two clones of a noised state end in one class with "
            r"probability $s(p) = \sum_kp_k^2$, $p$ its posterior (T4), and the entropy left is $h(p) = "
            r"-\sum_kp_k\log p_k$. "
            r"Over the states $\varphi = \mathbb Es$ and $H = \mathbb Eh$. Any law of posteriors is "
            r"allowed, so $(\varphi,H)$ may be any point of the convex hull of the pairs $(s(p),h(p))$, "
            r"and no other: $H$ lies between the largest convex function of $s$ "
            r"below all pairs and the least concave function above them (Jensen). Both are attained, by "
            r"posteriors that take one or two values up to a permutation. "
            r"A supporting line of slope $-c$ is an extremum of $\sum_kf(p_k)$, $f(x) = -x\log x+cx^2$. "
            r"At an interior extremum all positive $p_k$ have the same $f'$, and"
        ),
        Identity.of(
            "f″ = −1/x + 2c",
            _profile,
            r"\frac{\mathrm d^2}{\mathrm dx^2}\left(-x\log x+cx^2\right) = -\frac1x+2c",
        ),
        Text(
            r"changes sign once, at $x = 1/2c$: $f'$ takes a value at most twice, so that there are at "
            r"most two different positive values, a smaller one where $f$ is concave and a larger one "
            r"where it is convex. Of two entries, moving "
            r"mass from one to the other changes the sum at second order by $f''$: **a minimum has at "
            r"most one entry in the concave part; a maximum at most one in the convex part**, and no "
            r"zeros, because $f'(0)=+\infty$."
        ),
    )


def _below() -> tuple[Block, ...]:
    return (
        Text(
            r"**From below** the candidates are $m$ equal entries $x$ and one $y\le x$, $mx+y=1$. Along "
            r"them, in $y$,"
        ),
        Identity.of(
            "dh/ds = −log(x/y)/2(x−y) along mx + y = 1",
            _slope_below,
            r"\frac{\mathrm dh}{\mathrm dy}\Big/\frac{\mathrm ds}{\mathrm dy} = -\frac{\log(x/y)}{2(x-y)}",
        ),
        Text(
            r"With $\ell = \log(x/y)$ the size of this slope is $\ell\,(m+e^{-\ell})/2(1-e^{-\ell})$. As "
            r"$y$ grows, $s$ and $\ell$ fall. The size falls too, so the slope rises as $s$ falls and the "
            r"arc is concave in $s$, because its logarithm grows with $\ell$:"
        ),
        Identity.of(
            "d/dℓ log[ℓ(m+e^{−ℓ})/(1−e^{−ℓ})] for m = 1 is (sinh ℓ − ℓ)/(ℓ sinh ℓ)",
            _growth_below,
            r"\frac{\mathrm d}{\mathrm d\ell}\log\frac{\ell\,(1+e^{-\ell})}{1-e^{-\ell}} = "
            r"\frac{\sinh\ell-\ell}{\ell\,\sinh\ell} > 0",
        ),
        Identity.of(
            "m > 1 adds a positive term",
            _growth_of_m,
            r"\frac{\mathrm d}{\mathrm d\ell}\log\frac{m+e^{-\ell}}{1+e^{-\ell}} = "
            r"\frac{(m-1)\,e^{-\ell}}{(m+e^{-\ell})(1+e^{-\ell})} \ge 0",
        ),
        Text(
            r"So every arc lies above the chord between its ends, which are posteriors even on $m$ and on "
            r"$m+1$ classes: $(1/k,\log k)$. The polygon through these is the bound if it is convex, that "
            r"is if the sizes of its slopes, "
            r"$c_k = k(k+1)\log(1+1/k)$, grow with $k$:"
        ),
        Identity.of(
            "slope of the chord is −k(k+1) log(1+1/k)",
            _chord,
            r"\frac{\log(k+1)-\log k}{1/(k+1)-1/k} = -k(k+1)\log\left(1+\tfrac1k\right)",
        ),
        Identity.of(
            "dc_k/dk = (2k+1) log(1+1/k) − 1",
            _convex,
            r"\frac{\mathrm d}{\mathrm dk}\,k(k+1)\log\left(1+\tfrac1k\right) = "
            r"(2k+1)\log\left(1+\tfrac1k\right)-1",
        ),
        Text(
            r"which is at least 1, since $\log\frac{1+z}{1-z}\ge2z$ at $z = 1/(2k+1)$. For "
            r"$\varphi>\frac12$ it is $2\log2\,(1-\varphi)$."
        ),
    )


def _above() -> tuple[Block, ...]:
    return (
        Text(
            r"**From above** the candidates are one entry $x$ and $K-1$ equal ones $y = (1-x)/(K-1)\le "
            r"x$: $s = x^2+(1-x)^2/(K-1)$ and $h = h_2(x)+(1-x)\log(K-1)$, $h_2$ the entropy of "
            r"$(x,1-x)$. Again"
        ),
        Identity.of(
            "dh/ds = −log(x/y)/2(x−y) along x + (K−1)y = 1",
            _slope_above,
            r"\frac{\mathrm dh}{\mathrm dx}\Big/\frac{\mathrm ds}{\mathrm dx} = -\frac{\log(x/y)}{2(x-y)}",
        ),
        Text(
            r"and with $v = \log(x/y)$, $y = 1/(K-1+e^v)$, the size of the slope is $\frac12q(v)$, $q = "
            r"v(K-1+e^v)/(e^v-1)$. The curve is concave where $q$ grows. Its derivative has the sign of "
            r"$N(v)$,"
        ),
        Identity.of(
            "q′ = e^v N/(e^v − 1)², N = e^v + K − 2 − (K−1)e^{−v} − Kv",
            _growth_above,
            r"q'(v) = \frac{e^v}{(e^v-1)^2}\,N(v),\qquad N = e^v+K-2-(K-1)e^{-v}-Kv",
        ),
        Identity.of(
            "N′ = (1 − e^{−v})(e^v − K + 1)",
            _inflection,
            r"N'(v) = \left(1-e^{-v}\right)\left(e^v-(K-1)\right)",
        ),
        Text(
            r"$N(0)=0$, and $N$ falls up to $v=\log(K-1)$ and then grows without bound: it is negative, "
            r"then positive. So the curve is convex near $\varphi=1/K$ and concave beyond, and for $K=2$ "
            r"concave throughout. The least concave function above it is the "
            r"tangent from $(1/K,\log K)$ and then the curve. It touches at $x = 1-1/K$, that is $v = "
            r"2\log(K-1)$: there the slope of the curve is that of the chord."
        ),
        *_beside_the_chord(),
    )


def _beside_the_chord() -> tuple[Block, ...]:
    return (
        Identity.of(
            "at x = 1 − 1/K the chord has the curve's slope",
            _tangent,
            r"\frac{h-\log K}{s-1/K}\Big|_{x=1-1/K} = -\frac{(K-1)\log(K-1)}{K-2}",
        ),
        Identity.of(
            "−½ q(2 log(K−1)) = −(K−1) log(K−1)/(K−2)",
            _slope_there,
            r"-\tfrac12\,q\left(2\log(K-1)\right) = -\frac{(K-1)\log(K-1)}{K-2}",
        ),
        Text(r"The point is in the concave part, since with $K-1 = e^z$"),
        Identity.of(
            "N(2 log(K−1)) = 2K (sinh z − z), z = log(K−1)",
            _concave_there,
            r"N(2z) = 2K\,(\sinh z-z) \ge 0",
        ),
        Text(
            r"and a line that touches a concave part is above it; the convex part lies below the chord "
            r"between its ends, which are not above the line."
        ),
        Argument("The range of entropy and index of coincidence on the simplex.", "HT01"),
        Measured(
            "Both bounds by the hull of a fine grid on the simplex; random laws of posteriors and those "
            "that attain the bounds; "
            "entropies and agreements of mixtures by Monte Carlo."
        ),
    )


def _profile(weight: Expr = ONE, power: int = 2) -> tuple[Expr, Expr]:
    x, c = sp.symbols("x c", positive=True)
    return sp.Derivative(-weight * x * sp.log(x) + c * x**power, (x, 2)), -1 / x + 2 * c


def _slope_below(power: int = 2, weight: Expr = ONE) -> tuple[Expr, Expr]:
    y, m = sp.symbols("y m", positive=True)
    x = (1 - y) / m
    entropy = -m * x * sp.log(x) - weight * y * sp.log(y)
    slope = sp.diff(entropy, y) / sp.diff(m * x**power + y**power, y)
    return slope, -(sp.log(x) - sp.log(y)) / (2 * (x - y))


def _growth_below(decay: Expr = ONE) -> tuple[Expr, Expr]:
    ell = sp.Symbol("ell", positive=True)
    size = ell * (1 + sp.exp(-decay * ell)) / (1 - sp.exp(-ell))
    return sp.Derivative(sp.log(size), ell), (sp.sinh(ell) - ell) / (ell * sp.sinh(ell))


def _growth_of_m(decay: Expr = ONE) -> tuple[Expr, Expr]:
    ell, m = sp.symbols("ell m", positive=True)
    x = sp.exp(-decay * ell)
    left = sp.Derivative(sp.log((m + x) / (1 + x)), ell)
    return left, (m - 1) * sp.exp(-ell) / ((m + sp.exp(-ell)) * (1 + sp.exp(-ell)))


def _chord(step: Expr = ONE) -> tuple[Expr, Expr]:
    k = sp.Symbol("k", positive=True)
    left = (sp.log(k + step) - sp.log(k)) / (1 / (k + step) - 1 / k)
    return left, -k * (k + 1) * (sp.log(k + 1) - sp.log(k))


def _convex(step: Expr = ONE) -> tuple[Expr, Expr]:
    k = sp.Symbol("k", positive=True)
    ratio = sp.log(k + 1) - sp.log(k)
    return sp.Derivative(k * (k + step) * ratio, k), (2 * k + 1) * ratio - 1


def _curve(x: Expr, classes: Expr, power: int = 2) -> tuple[Expr, Expr]:
    """S and h of one entry x and K − 1 equal ones."""
    others = classes - 1
    entropy = -x * sp.log(x) - (1 - x) * (sp.log(1 - x) - sp.log(others))
    return x**power + (1 - x) ** power / others ** (power - 1), entropy


def _slope_above(power: int = 2) -> tuple[Expr, Expr]:
    x, classes = sp.symbols("x K", positive=True)
    s, h = _curve(x, classes, power)
    y = (1 - x) / (classes - 1)
    log_ratio = sp.log(x) - sp.log(1 - x) + sp.log(classes - 1)
    return sp.diff(h, x) / sp.diff(s, x), -log_ratio / (2 * (x - y))


def _size(v: Expr, classes: Expr, offset: Expr = ONE) -> Expr:
    return v * (classes - offset + sp.exp(v)) / (sp.exp(v) - 1)


def _growth_above(offset: Expr = ONE) -> tuple[Expr, Expr]:
    v, classes = sp.symbols("v K", positive=True)
    sign = sp.exp(v) + classes - 2 - (classes - 1) * sp.exp(-v) - classes * v
    return sp.Derivative(_size(v, classes, offset), v), sp.exp(v) / (sp.exp(v) - 1) ** 2 * sign


def _inflection(offset: Expr = ONE) -> tuple[Expr, Expr]:
    v, classes = sp.symbols("v K", positive=True)
    sign = sp.exp(v) + classes - 2 - (classes - offset) * sp.exp(-v) - classes * v
    return sp.Derivative(sign, v), (1 - sp.exp(-v)) * (sp.exp(v) - (classes - 1))


def _tangent(offset: Expr = ONE, power: int = 2) -> tuple[Expr, Expr]:
    others = sp.Symbol("m", positive=True)  # K − 1
    classes = others + 1
    s, h = _curve(1 - offset / classes, classes, power)
    left = sp.expand_log(h - sp.log(classes), force=True) / (s - 1 / classes)
    return left, -others * sp.log(others) / (classes - 2)


def _slope_there(factor: Expr = TWO, half: Expr = HALF) -> tuple[Expr, Expr]:
    others = sp.Symbol("m", positive=True)
    left = -half * _size(factor * sp.log(others), others + 1)
    return left, -others * sp.log(others) / (others - 1)


def _concave_there(factor: Expr = TWO) -> tuple[Expr, Expr]:
    z = sp.Symbol("z", positive=True)
    classes, v = 1 + sp.exp(z), factor * z
    sign = sp.exp(v) + classes - 2 - (classes - 1) * sp.exp(-v) - classes * v
    return sign, 2 * classes * (sp.sinh(z) - z)


THEOREM = Theorem(
    id="T22",
    name="clone bounds",
    statement=(
        r"For any data, clones that agree with probability $\varphi = \mathbb E\sum_kp_k^2$ bound the "
        r"class entropy. Below, by the polygon through $(1/k,\log k)$, for $\varphi>\tfrac12$ "
        r"$2\log2\,(1-\varphi)$; above, with $x_K=1-1/K$ and "
        r"$\varphi_K = x_K^2+(1-x_K)^2/(K-1)$: for $\varphi\ge\varphi_K$ by $h_2(x)+(1-x)\log(K-1)$ at "
        r"$\varphi = x^2+(1-x)^2/(K-1)$, and below it by the chord $\log "
        r"K-(\varphi-\tfrac1K)\frac{(K-1)\log(K-1)}{K-2}$. "
        r"For $K=2$ it is $h_2\left(\tfrac12(1+\sqrt{2\varphi-1})\right)$. Both bounds are attained."
    ),
    sources=("HT01",),
    hypotheses=("any distributions of K classes; clones drawn from the posterior, as in T4",),
    derivation=derivation,
    predict=predict,
)
