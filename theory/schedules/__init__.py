"""Noise schedules and the clocks they define (T1): `schedules.EDM()`, `schedules.by_name("flow:shift=3")`.

A noised state is `X = a X₀ + b Z`; the noise-to-signal ratio `σ = b/a` is all that the class
entropy depends on. Reference clock: Ornstein–Uhlenbeck time, `a = e^{−t}`, `b² = 1 − e^{−2t}`,

    σ² = e^{2t} − 1,        t = ½ log(1 + σ²).

Each schedule gives `sigma(time)` and its inverse `time(sigma)`. A time outside the schedule, or a σ that it
never reaches, is `nan`; `check_sigma` refuses it with the end that it lies beyond.
"""

from .._support.face import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
