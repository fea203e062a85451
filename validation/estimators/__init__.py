"""Estimators of a model's entropy curve, from chains or from clean samples."""
