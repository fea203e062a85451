"""Draws in high dimension: the kernels, what lowers their variance, and when to stop."""
