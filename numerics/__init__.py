"""Entropy curves of Gaussian mixtures as labelled arrays."""

from .curves import entropy_curve

__all__ = ["entropy_curve"]
