"""A 64-level curve of 8 classes in 4096 dimensions from 4096 draws, against its noise and against others.

Comparators, each as a user would write it: NumPy, PyTorch and scikit-learn's `predict_proba`, level by
level with fresh noise. `noise` is the same generator filling a 4096 × 4096 array in the same blocks.
"""

import jax
import numpy as np
import torch
from _measure import best_times, report
from sklearn.mixture import GaussianMixture as Sklearn
from speciation.numerics import entropy_curve
from speciation.numerics.monte_carlo.strides import STRIDE
from speciation.theory import GaussianMixture

D, DRAWS, CLASSES, LEVELS = 4096, 4096, 8, 64
MIXTURE = GaussianMixture.parse(f"orthogonal:K={CLASSES},d={D},M=64,s=1")
SIGMAS = np.geomspace(0.5, 60, LEVELS)


@jax.jit
def noise(keys):
    """The array itself, in the engine's blocks."""
    return jax.lax.map(lambda key: jax.random.normal(key, (STRIDE, D)), keys)


def with_numpy(sigmas: np.ndarray) -> list[float]:
    """Draw, noise, posterior, entropy: one level after another."""
    rng, entropies = np.random.default_rng(0), []
    for sigma in sigmas:
        classes = rng.integers(CLASSES, size=DRAWS)
        clean = MIXTURE.means[classes] + rng.standard_normal((DRAWS, D))
        x = clean + sigma * rng.standard_normal((DRAWS, D))
        squares = (x**2).sum(1)[:, None] - 2 * x @ MIXTURE.means.T + (MIXTURE.means**2).sum(1)
        logits = -squares / (2 * (1 + sigma**2))
        logits -= logits.max(1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(1, keepdims=True)
        entropies.append(float(-(p * np.log(np.maximum(p, 1e-300))).sum(1).mean()))
    return entropies


def with_torch(sigmas: np.ndarray) -> list[float]:
    """The same in PyTorch."""
    means = torch.tensor(MIXTURE.means, dtype=torch.float32)
    entropies = []
    for sigma in sigmas:
        classes = torch.randint(CLASSES, (DRAWS,))
        x = means[classes] + torch.randn(DRAWS, D) + float(sigma) * torch.randn(DRAWS, D)
        logits = -(torch.cdist(x, means) ** 2) / (2 * (1 + float(sigma) ** 2))
        entropies.append(float(torch.distributions.Categorical(logits=logits).entropy().mean()))
    return entropies


def with_sklearn(sigmas: np.ndarray) -> list[float]:
    """The same with scikit-learn's mixture for the posterior."""
    rng, entropies = np.random.default_rng(0), []
    for sigma in sigmas:
        model = Sklearn(CLASSES, covariance_type="spherical")
        model.weights_, model.means_ = MIXTURE.weights, MIXTURE.means
        model.covariances_ = np.full(CLASSES, 1 + sigma**2)
        model.precisions_cholesky_ = 1 / np.sqrt(model.covariances_)
        classes = rng.integers(CLASSES, size=DRAWS)
        clean = MIXTURE.means[classes] + rng.standard_normal((DRAWS, D))
        p = model.predict_proba(clean + sigma * rng.standard_normal((DRAWS, D)))
        entropies.append(float(-(p * np.log(np.maximum(p, 1e-300))).sum(1).mean()))
    return entropies


def main() -> None:
    """Time everything; the level-by-level comparators on 4 of the 64 levels, scaled."""
    key = jax.random.key(0)
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(np.arange(DRAWS // STRIDE, dtype=np.uint32))
    some = SIGMAS[:: LEVELS // 4]
    times = best_times(
        {
            "curve": lambda: entropy_curve(MIXTURE, SIGMAS, method="ambient", samples=DRAWS),
            "curve of as many noise vectors": lambda: entropy_curve(
                MIXTURE, SIGMAS, method="ambient", samples=2 * DRAWS
            ),
            "noise": lambda: noise(keys),
        }
    )
    slow = {"NumPy": with_numpy, "PyTorch": with_torch, "scikit-learn": with_sklearn}
    others = best_times({name: lambda f=f: f(some) for name, f in slow.items()}, repeats=2)
    times |= {name: seconds * LEVELS / len(some) for name, seconds in others.items()}
    ratios = {f"{name} / curve": times[name] / times["curve"] for name in slow}
    ratios["curve / noise"] = times["curve"] / times["noise"]
    both = "curve of as many noise vectors"
    ratios[f"{both} / noise"] = times[both] / times["noise"]
    report(__file__, {"ratios": ratios, "seconds": times})


if __name__ == "__main__":
    main()
