"""The command line, `speciation`."""

from .app import main

__all__ = ["main"]
