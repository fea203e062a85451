"""What a curve costs as the dimension, the classes, the noise levels and the draws grow: fitted exponents.

Each sweep doubles one number from a common case; the exponent is the slope of log time on log size over its
upper half, where fixed costs no longer show. The limits are what the machine does anyway: drawing the same
normal numbers, and copying the means once per stride.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _measure import best_times, report
from speciation.numerics import entropy_curve
from speciation.numerics.monte_carlo.strides import STRIDE
from speciation.theory import GaussianMixture

D, CLASSES, LEVELS, DRAWS = 1024, 8, 16, 4096
SWEEPS = {
    "dimension": [512, 1024, 2048, 4096, 8192, 16384],
    "classes": [4, 8, 16, 32, 64, 128],
    "levels": [16, 32, 64, 128, 256, 512],
    "draws": [8192, 16384, 32768, 65536, 131072, 262144],
}


def curve(method: str, **changes: int) -> Callable[[], Any]:
    """A curve of orthogonal classes with one number changed."""
    size = {"dimension": D, "classes": CLASSES, "levels": LEVELS, "draws": DRAWS} | changes
    mixture = GaussianMixture.parse(f"orthogonal:K={size['classes']},d={size['dimension']},M=64,s=1")
    sigmas = np.geomspace(0.5, 60, size["levels"])

    def work() -> Any:
        return entropy_curve(mixture, sigmas, method=method, samples=size["draws"]).entropy.values

    return work


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log time on log size over the upper half."""
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0])


def sweep(method: str, name: str) -> dict[str, float]:
    """Seconds at each size, and the exponent."""
    sizes = SWEEPS[name]
    times = best_times({str(size): curve(method, **{name: size}) for size in sizes}, repeats=3)
    seconds = [times[str(size)] for size in sizes]
    return {"exponent": exponent(sizes, seconds)} | {
        f"seconds at {s}": t for s, t in zip(sizes, seconds, strict=True)
    }


@jax.jit
def drawn(keys: Any) -> Any:
    """As many normal numbers as an ambient curve of the common case, at 16,384 dimensions, takes."""
    return jax.lax.map(lambda key: jax.random.normal(key, (STRIDE, SWEEPS["dimension"][-1])).sum(), keys)


@jax.jit
def copied(array: Any) -> Any:
    """A pass over memory: read once, written once."""
    return array + 1.0


def limits() -> dict[str, float]:
    """An ambient curve against its noise, and the noise against moving its bytes."""
    keys = jax.random.split(jax.random.key(0), DRAWS // (2 * STRIDE))
    array = jnp.zeros((DRAWS // 2, SWEEPS["dimension"][-1]), jnp.float32)
    large = curve("ambient", dimension=SWEEPS["dimension"][-1], levels=8)
    times = best_times({"curve": large, "noise": lambda: drawn(keys), "memory": lambda: copied(array)})
    return {
        "curve / noise": times["curve"] / times["noise"],
        "noise / memory": times["noise"] / times["memory"],
        "memory GB/s": 2 * array.nbytes / times["memory"] / 1e9,
        "normal numbers per second": array.size / times["noise"],
    }


def main() -> None:
    """Measure every sweep of both methods, and the limits."""
    claims = {
        f"{method}, {name}": sweep(method, name) for method in ("ambient", "reduced") for name in SWEEPS
    }
    report(__file__, claims | {"limits, d = 16,384": limits()})


if __name__ == "__main__":
    main()
