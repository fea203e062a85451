"""Measurement and validation: theorem checks, estimators on trained models, figures and the command line.

Names load on first use: only the estimators and the models bring in torch. `__init__.pyi` says where each
lives.
"""

from ..theory._support.face import face

__getattr__, __dir__, __all__ = face(__name__, __file__)
