"""Timing and bookkeeping that the benchmarks share.

A claim is a ratio of two times taken in one process: without compilation, results waited for, the best
of several runs of each, alternating. Each script prints its ratios and writes them as JSON, with the
hardware and versions, to `benchmarks/results/<script>.<device>.json`.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

__all__ = ["best_times", "report"]

RESULTS = Path(__file__).parent / "results"


def best_times(work: dict[str, Callable[[], Any]], repeats: int = 5) -> dict[str, float]:
    """Best time of each piece of work in seconds, after one run of each that is not timed."""
    best = dict.fromkeys(work, float("inf"))
    for function in work.values():
        jax.block_until_ready(function())
    for _ in range(repeats):
        for name, function in work.items():
            start = time.perf_counter()
            jax.block_until_ready(function())
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def report(script: str, claims: dict[str, dict[str, float]]) -> None:
    """Print each claim's numbers and write them with the hardware named."""
    for claim, numbers in claims.items():
        print(f"{claim}: " + ", ".join(f"{name} {value:.4g}" for name, value in numbers.items()))
    content = {"hardware": _hardware(), "claims": claims}
    RESULTS.mkdir(exist_ok=True)
    device = _hardware()["device"].lower().replace(" ", "-")
    path = RESULTS / f"{Path(script).stem}.{device}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")


def _hardware() -> dict[str, Any]:
    names = ("numpy", "jax", "scikit-learn", "torch")
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "versions": {name: metadata.version(name) for name in names} | {"python": platform.python_version()},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
