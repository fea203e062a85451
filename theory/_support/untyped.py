"""SymPy, mpmath and SciPy's solvers publish no types; they enter here, as `Any`."""

from typing import Any

import mpmath as _mpmath  # pyright: ignore[reportMissingTypeStubs]
import sympy as _sympy  # pyright: ignore[reportMissingTypeStubs]
from scipy import interpolate as _interpolate  # pyright: ignore[reportMissingTypeStubs]
from scipy import linalg as _linalg  # pyright: ignore[reportMissingTypeStubs]
from scipy import optimize as _optimize  # pyright: ignore[reportMissingTypeStubs]
from scipy import special as _special  # pyright: ignore[reportMissingTypeStubs]
from scipy.optimize import elementwise as _elementwise  # pyright: ignore[reportMissingTypeStubs]
from scipy.sparse import linalg as _sparse  # pyright: ignore[reportMissingTypeStubs]

mpmath: Any = _mpmath
sympy: Any = _sympy
interpolate: Any = _interpolate
linalg: Any = _linalg
optimize: Any = _optimize
elementwise: Any = _elementwise
sparse: Any = _sparse
special: Any = _special
