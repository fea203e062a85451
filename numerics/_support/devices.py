"""Whether JAX finds what the environment tells it to use: asked before any work, and answered in one line."""

import os
import re
import subprocess
import sys
from functools import cache

import jax

from ...theory._support.one_line import one_line

__all__ = ["check_devices"]

_COUNT = re.compile(r"\s*--xla_force_host_platform_device_count=[1-9]\d*\s*")
_PLATFORM = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")


def check_devices() -> None:
    """Refuse an environment in which JAX has no device; `ValueError` names the variable that says so.

    XLA ends the process at a flag that it does not know, so unusual flags are tried in another one first.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if flags.strip() and not _COUNT.fullmatch(flags):
        _try_flags(flags)
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        name = next((name for name in _PLATFORM if os.environ.get(name)), None)
        said = one_line(error) if str(error) else "JAX finds no such device"
        if name is None:
            raise ValueError(f"JAX: finds no device: {said}") from None
        raise ValueError(
            f"{name}: {os.environ[name]!r} cannot be used here: {said}; unset it, or set it to cpu"
        ) from None


@cache
def _try_flags(flags: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import jax; jax.local_devices(backend='cpu')"],
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        said = [
            line.strip() for line in done.stderr.splitlines() if "flag" in line.lower() or "Error:" in line
        ]
        why = re.sub(r"^[FE]\d{4} \S+\s+\d+ \S+\] ", "", said[0]) if said else "XLA does not start with it"
        raise ValueError(f"XLA_FLAGS: {flags!r} cannot be used: {why[:200]}")
