"""The embedded model of real images: an EDM2 network of Fashion-MNIST, 28 × 28 pixels in [−1, 1].

The network sees squares of 2 × 2 pixels as channels, 4 × 14 × 14. That is a permutation of the pixels: white
noise stays white and distances stay what they are, while a step costs a quarter.

Beside the weights lie 1000 of the test images, which were never trained on, and two mixtures fitted to the
60,000 training images: class means with one covariance pooled over the classes, and with one of each class.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor
from torch.nn import functional

from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.archives import read_arrays
from ...theory.mixtures.covariance import Full
from ...theory.mixtures.fits import Kind
from ...theory.mixtures.mixture import GaussianMixture
from .edm import EDM2, Configuration, EDM2Denoiser, load_edm2

__all__ = [
    "EACH",
    "IMAGES",
    "SHARED",
    "WEIGHTS",
    "FashionDenoiser",
    "FashionImages",
    "configuration",
    "fashion_images",
    "fashion_mixture",
    "folded",
    "load_fashion_model",
    "unfolded",
]

CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip
"""Names in the order of the data set's numbers."""

WEIGHTS = Path(__file__).parent / "weights" / "fashion.safetensors"
"""Where the weights lie beside their model card."""

_DATA = Path(__file__).parent / "fashion"
IMAGES, SHARED, EACH = (_DATA / name for name in ("images.npz", "shared.npz", "each.npz"))
"""Test images, and mixtures with one covariance and with one of each class; their licence is beside them."""

_SIDE = 28


class FashionImages:
    """Images of Fashion-MNIST and their classes.

    Attributes
    ----------
    pixels : tensor, shape (n, 1, 28, 28)
        In [−1, 1].
    labels : integer tensor, shape (n,)
        Class numbers from 0 to 9.
    """

    def __init__(self, raw: Shaped[Tensor, "n side side"], labels: Integer[Tensor, " n"]) -> None:
        self.pixels: Tensor = raw[:, None].float() / 127.5 - 1
        self.labels: Tensor = labels.long()

    def sample(
        self, condition: str, count: int, generator: torch.Generator
    ) -> Float[Tensor, "count 1 side side"]:
        """Images of one class, drawn with replacement: a `sampler` for the estimators.

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
        own = self.pixels[self.labels == CLASSES.index(condition)]
        return own[torch.randint(len(own), (count,), generator=generator, device="cpu")]

    def digest(self) -> str:
        """SHA-256 of the images and their classes."""
        return fingerprint(self.pixels.cpu().numpy(), self.labels.cpu().numpy())


class FashionDenoiser(EDM2Denoiser):
    """`denoiser(x, sigma, condition)`, x (batch, 1, 28, 28), conditions by name; see `load_fashion_model`."""

    def __init__(self, network: EDM2) -> None:
        super().__init__(network, null=True)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the classes."""
        return CLASSES

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one sample."""
        return 1, _SIDE, _SIDE

    def __call__(
        self, x: Float[Tensor, "batch 1 28 28"], sigma: float, condition: str | None
    ) -> Float[Tensor, "batch 1 28 28"]:
        """Estimate of x₀ in x's own precision; `ValueError` for an unknown class."""
        return unfolded(super().__call__(folded(x), sigma, condition))

    def per_sample(
        self, x: Float[Tensor, "batch 1 28 28"], sigma: float, conditions: Sequence[str | None]
    ) -> Float[Tensor, "batch 1 28 28"]:
        """Each sample under its own condition, (batch, 1, 28, 28), at once."""
        return unfolded(super().per_sample(folded(x), sigma, conditions))


def folded(pixels: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 4 14 14"]:
    """Images (n, 1, 28, 28) as the network sees them, (n, 4, 14, 14)."""
    return functional.pixel_unshuffle(pixels, 2)


def unfolded(pixels: Float[Tensor, "n 4 14 14"]) -> Float[Tensor, "n 1 28 28"]:
    """Back from `folded`."""
    return functional.pixel_shuffle(pixels, 2)


def configuration() -> Configuration:
    """Constructor arguments of the network."""
    return Configuration(
        img_resolution=_SIDE // 2,
        img_channels=4,
        label_dim=len(CLASSES),
        model_channels=48,
        channel_mult=(1, 1),
        num_blocks=1,
        attn_resolutions=(_SIDE // 4,),
        channels_per_head=48,
        sigma_data=0.826,  # root mean square of the training images' pixels
    )


def fashion_images() -> FashionImages:
    """The 1000 test images that are shipped, 100 of each class.

    Returns
    -------
    FashionImages
        Bytes of shape (1000, 28, 28), with labels.

    References
    ----------
    Fashion-MNIST, `validation/models/fashion/LICENSE`.
    """
    held = read_arrays(IMAGES)
    return FashionImages(*(torch.as_tensor(held[name]) for name in ("images", "labels")))


def fashion_mixture(covariance: Kind = "shared") -> GaussianMixture:
    """Class means of the training images of Fashion-MNIST, with their covariances, low rank plus diagonal.

    `GaussianMixture.fit`, which the training script called with rank 64 and 32.

    Parameters
    ----------
    covariance : {"shared", "each"}
        One covariance for all classes, or each its own.

    Returns
    -------
    GaussianMixture
        Equal weights, d = 784, pixels in [−1, 1] row by row.

    References
    ----------
    Fashion-MNIST, `validation/models/fashion/LICENSE`.
    """
    held = GaussianMixture.parse(SHARED if covariance == "shared" else EACH)
    # of so few dimensions one spectrum costs less than a decomposition at every level
    whole = [Full(each.matrix_in(held.dimension)) for each in held.covariances]
    return GaussianMixture(held.weights, held.means, whole, held.labels)


def load_fashion_model(path: Path = WEIGHTS, device: torch.device | str = "cpu") -> FashionDenoiser:
    """The denoiser of Fashion-MNIST that comes with the package; works offline.

    Parameters
    ----------
    path : Path
        Another file of weights.
    device : torch device

    Returns
    -------
    FashionDenoiser
        Conditions by name from `"t-shirt"` to `"boot"`, pixels in [−1, 1]. Its answer without a condition was
        learnt, by label dropout.

    Raises
    ------
    ValueError
        `path` is no such file.

    References
    ----------
    K24; Fashion-MNIST.
    """
    network = load_edm2(path, device)
    c, own = network.configuration, configuration()
    if (c.label_dim, c.img_channels, c.img_resolution) != (10, own.img_channels, own.img_resolution):
        shape = f"{c.img_channels} x {c.img_resolution} x {c.img_resolution}"
        raise ValueError(
            f"{path}: is a network of {c.label_dim} classes and samples of {shape}; one of Fashion-MNIST has "
            f"10 classes and samples of {own.img_channels} x {own.img_resolution} x {own.img_resolution}"
        )
    return FashionDenoiser(network)
