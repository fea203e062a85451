"""The digits model: an EDM2 network of scikit-learn's handwritten digits, and the images it never saw.

Every fifth image of each digit is held out of training; measurements on data use these.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn import functional

from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.values import ByContent
from ...theory.mixtures import digits
from .._support.torch_randomness import undisturbed
from .edm import Configuration, EDM2Denoiser, load_edm2

__all__ = ["WEIGHTS", "Images", "configuration", "digits_images", "load_digits_model"]

WEIGHTS = Path(__file__).parent / "weights" / "digits.safetensors"
"""Where the weights lie beside their model card."""

_HELD_OUT_EVERY = 5
_SIDE = 8


@dataclass(frozen=True, eq=False)
class Images(ByContent):
    """Images and their digits.

    Attributes
    ----------
    pixels : tensor, shape (n, 1, side, side)
        In [−1, 1].
    labels : integer tensor, shape (n,)
        The digit of each.
    """

    pixels: Float[Tensor, "n 1 side side"]
    labels: Integer[Tensor, " n"]

    def sample(
        self, condition: str, count: int, generator: torch.Generator
    ) -> Float[Tensor, "count 1 side side"]:
        """Images of one digit, drawn with replacement: a `sampler` for the estimators.

        Parameters
        ----------
        condition : str
            Name of the class.
        count : int
            How many.
        generator : torch.Generator
            On the CPU.

        Returns
        -------
        tensor, shape (count, 1, side, side)
        """
        own = self.pixels[self.labels == int(condition)]
        return own[torch.randint(len(own), (count,), generator=generator, device="cpu")]

    def digest(self) -> str:
        """SHA-256 of the images and their digits."""
        return fingerprint(self.pixels.cpu().numpy(), self.labels.cpu().numpy())


def digits_images(side: int = _SIDE) -> tuple[Images, Images]:
    """Handwritten digits to train on and digits held out.

    Parameters
    ----------
    side : int
        Pixels along a side, a multiple of 8; pixels are repeated.

    Returns
    -------
    training, held_out : Images
        Pixels in [−1, 1] with labels.

    Raises
    ------
    ValueError
        A side that is no multiple of 8.

    References
    ----------
    scikit-learn's digits.
    """
    if side < _SIDE or side % _SIDE:
        raise ValueError(f"side: must be a multiple of {_SIDE}, not {side}")
    with undisturbed():
        each = [torch.as_tensor(digits.images(k)).float().reshape(-1, 1, _SIDE, _SIDE) for k in range(10)]
        pixels = functional.interpolate(torch.cat(each), scale_factor=side // _SIDE, mode="nearest")
        labels = torch.cat([torch.full((len(images),), k) for k, images in enumerate(each)])
        places = torch.cat([torch.arange(len(images)) for images in each])
        held = places % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    return Images(pixels[~held], labels[~held]), Images(pixels[held], labels[held])


def configuration(side: int = _SIDE) -> Configuration:
    """Constructor arguments of the network: one level more for each doubling of the side."""
    levels = int(np.log2(side // _SIDE))
    pixels = digits_images()[0].pixels
    return Configuration(
        img_resolution=side,
        img_channels=1,
        label_dim=10,
        model_channels=32,
        channel_mult=(1,) * (levels + 1) + (2,),
        num_blocks=1,
        attn_resolutions=(4,),
        channels_per_head=32,
        sigma_data=round(float((pixels**2).mean().sqrt()), 3),
    )


def load_digits_model(path: Path = WEIGHTS, device: torch.device | str = "cpu") -> EDM2Denoiser:
    """The denoiser of handwritten digits that comes with the package; works offline.

    Parameters
    ----------
    path : Path
        Another file of weights.
    device : torch device

    Returns
    -------
    EDM2Denoiser
        Conditions `"0"` to `"9"`, pixels in [−1, 1]. Its answer without a condition was learnt, by label
        dropout.

    Raises
    ------
    ValueError
        `path` is no such file.

    References
    ----------
    K24; scikit-learn's digits.
    """
    network = load_edm2(path, device)
    c = network.configuration
    if c.label_dim != 10 or c.img_channels != 1 or c.img_resolution % _SIDE:
        shape = f"{c.img_channels} x {c.img_resolution} x {c.img_resolution}"
        raise ValueError(
            f"{path}: is a network of {c.label_dim} classes and samples of {shape}; one of the digits has 10 "
            f"classes and samples of 1 x {_SIDE} x {_SIDE}, or a multiple of these sides"
        )
    return EDM2Denoiser(network, null=True)
