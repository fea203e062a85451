"""Exact theory of class speciation in Gaussian mixtures under diffusion.

SymPy derivations and their evaluation in double precision and beyond. Names load on first use, so
importing this package is quick and brings in neither SymPy nor SciPy until they are needed; `__init__.pyi`
says where each lives.
"""

from importlib.metadata import version

from ._support.face import face

__version__ = version("speciation")

__getattr__, __dir__, __all__ = face(__name__, __file__)
