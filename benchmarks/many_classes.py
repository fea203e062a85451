"""A thousand classes and sixty thousand components, against one pass in PyTorch and in NumPy.

The comparators share one product of noise and means between all levels, as a user would who has thought about
it: a softmax a level is all that is left. Ratios are of processor seconds, all threads together, since other
programs may be running; memory is the largest that a process of its own held.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _measure import report
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture

CASES = {
    "K = 1000, d = 16,384, 64 levels, 4096 draws": (1000, 16_384, 64, 4096, 0),
    "K = 60,000, d = 784, 10 groups, 32 levels, 2048 draws": (60_000, 784, 32, 2048, 10),
}
SIZES = [64, 1000, 8000, 60_000]


def case(classes: int, dimension: int, levels: int, groups: int) -> tuple[Any, ...]:
    """A mixture with means of squared length 64, its levels, and its partition."""
    means = np.random.default_rng(0).standard_normal((classes, dimension)) * (8 / np.sqrt(dimension))
    mixture = GaussianMixture(np.full(classes, 1 / classes), means, 1.0)
    partition = {str(g): mixture.labels[g::groups] for g in range(groups)} if groups else None
    return mixture, np.geomspace(0.5, 60, levels), partition


def curve(given: tuple[Any, ...], draws: int) -> Callable[[], Any]:
    """What is measured."""
    mixture, sigmas, partition = given
    options = {"method": "ambient", "samples": draws, "partition": partition}
    return lambda: entropy_curve(mixture, sigmas, **options).entropy.values


def with_torch(given: tuple[Any, ...], draws: int, groups: int) -> Callable[[], Any]:
    """One pass: noise times means, then a softmax a level."""
    mixture, sigmas, _ = given
    means = torch.from_numpy(mixture.means.astype(np.float32))
    own = torch.arange(len(means)) % max(groups, 1)

    def work() -> list[float]:
        drawn = torch.randint(len(means), (draws,))
        products = torch.randn(draws, means.shape[1]) @ means.T
        clean = means[drawn] @ means.T - (means**2).sum(1) / 2
        entropies = []
        for sigma in sigmas.tolist():
            width = 1 + sigma**2
            p = torch.softmax(clean / width + products / width**0.5, dim=1)
            if groups:
                p = torch.zeros(draws, groups).index_add_(1, own, p)
            entropies.append(float(torch.special.entr(p).sum(1).mean()))
        return entropies

    return work


def with_numpy(given: tuple[Any, ...], draws: int, groups: int) -> Callable[[], Any]:
    """The same in NumPy."""
    mixture, sigmas, _ = given
    means, rng = mixture.means.astype(np.float32), np.random.default_rng(0)

    def work() -> list[float]:
        drawn = rng.integers(len(means), size=draws)
        products = rng.standard_normal((draws, means.shape[1]), np.float32) @ means.T
        clean = means[drawn] @ means.T - (means**2).sum(1) / 2
        entropies = []
        for sigma in sigmas.astype(np.float32):
            width = 1 + sigma**2
            logits = clean / width + products / np.sqrt(width)
            p = np.exp(logits - logits.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            if groups:
                p = np.stack([p[:, g::groups].sum(1) for g in range(groups)], axis=1)
            entropies.append(float(-(p * np.log(np.maximum(p, 1e-30))).sum(1).mean()))
        return entropies

    return work


def processor_seconds(work: dict[str, Callable[[], Any]], repeats: int = 2) -> dict[str, float]:
    """Least processor seconds of each piece of work, alternating, after one run that is not counted."""
    least = dict.fromkeys(work, float("inf"))
    for turn in range(repeats + 1):
        for name, function in work.items():
            before = os.times()
            function()
            after = os.times()
            spent = after.user + after.system - before.user - before.system
            least[name] = min(least[name], spent) if turn else least[name]
    return least


def largest_memory(name: str) -> float:
    """Gigabytes of a process that does nothing but one curve."""
    code = f"import many_classes as m; m.alone({name!r})"
    folder = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def alone(name: str) -> None:
    """One curve, and the memory that it took besides the mixture and the program."""
    classes, dimension, levels, draws, groups = CASES[name]
    curve(case(classes, dimension, levels, groups), draws)()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def against_one_pass(name: str) -> dict[str, float]:
    """Ratios of processor seconds and the memory of one case."""
    classes, dimension, levels, draws, groups = CASES[name]
    given = case(classes, dimension, levels, groups)
    seconds = processor_seconds(
        {
            "curve": curve(given, draws),
            "PyTorch": with_torch(given, draws, groups),
            "NumPy": with_numpy(given, draws, groups),
        }
    )
    ratios = {f"curve / {other}": seconds["curve"] / seconds[other] for other in ("PyTorch", "NumPy")}
    return ratios | {"gigabytes": largest_memory(name)} | {f"seconds, {k}": v for k, v in seconds.items()}


def growth() -> dict[str, float]:
    """Processor seconds as the classes grow, and the exponent from a thousand on."""
    work = {str(k): curve(case(k, 784, 16, 0), 1024) for k in SIZES}
    seconds = list(processor_seconds(work).values())
    slopes = np.polyfit(np.log(SIZES), np.log(seconds), 1)
    return {"exponent": float(slopes[0])} | {
        f"seconds at {k}": s for k, s in zip(SIZES, seconds, strict=True)
    }


def main() -> None:
    """Measure both cases and the growth with the number of classes."""
    claims = {name: against_one_pass(name) for name in CASES}
    report(__file__, claims | {"classes, d = 784, 16 levels, 1024 draws": growth()})


if __name__ == "__main__":
    main()
