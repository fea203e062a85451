"""Curves along the noise scale, their one schema, and what is read off them."""
