"""EDM2 networks (K24) as torch modules with the published state names, and the denoiser that they make."""

from .checkpoints import read_checkpoint
from .loading import EDM2Denoiser, load_edm2, save_edm2
from .network import EDM2, Configuration

__all__ = ["EDM2", "Configuration", "EDM2Denoiser", "load_edm2", "read_checkpoint", "save_edm2"]
