"""Figures of curves, theorems, models and phase diagrams, in one style."""
