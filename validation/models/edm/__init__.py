"""Networks of EDM (K22) and EDM2 (K24) as torch modules with the published state names."""

from .checkpoints import Checkpoint, Standardisation, read_checkpoint
from .configuration import Configuration, EDMConfiguration
from .edm2_network import EDM2
from .loading import (
    EDM2Denoiser,
    load_edm,
    load_edm2,
    parameters_of,
    read_network_file,
    save_checkpoint,
    save_edm2,
)
from .preconditioning import EDM

__all__ = [
    "EDM",
    "EDM2",
    "Checkpoint",
    "Configuration",
    "EDM2Denoiser",
    "EDMConfiguration",
    "Standardisation",
    "load_edm",
    "load_edm2",
    "parameters_of",
    "read_checkpoint",
    "read_network_file",
    "save_checkpoint",
    "save_edm2",
]
