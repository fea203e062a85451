"""Measurement and validation: theorem checks, comparison with data, figures and the command line."""
