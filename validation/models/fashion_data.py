"""Fashion-MNIST as Debian's package `dataset-fashion-mnist` puts it on a machine, and what is shipped of it.

Only training reads it; measuring needs what `write_shipped` makes of it.
"""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray

from ...theory._support.aliases import Fields
from ...theory.mixtures.fits import Kind
from ...theory.mixtures.mixture import GaussianMixture
from .fashion_model import CLASSES, FashionImages

__all__ = ["FOLDER", "dataset", "read_idx", "shipped"]

FOLDER = Path("/usr/share/datasets/fashion-mnist")

_SHIPPED = 100  # test images of each class, the first
_RANKS: dict[Kind, int] = {"shared": 64, "each": 32}


def dataset(part: str, folder: Path = FOLDER) -> FashionImages:
    """All images of `part` "train" or "t10k"; `ValueError` with one line for files that are not there."""
    raw, labels = (read_idx(folder / f"{part}-{what}-ubyte.gz") for what in ("images-idx3", "labels-idx1"))
    return FashionImages(torch.tensor(raw), torch.tensor(labels))


def read_idx(path: Path) -> UInt8[NDArray[np.uint8], "..."]:
    """The array of bytes in a compressed file of the IDX format; `ValueError` for anything else."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; Debian's package dataset-fashion-mnist has it")
    try:
        with gzip.open(path) as stream:
            content = stream.read()
    except (OSError, EOFError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    sides: list[int] = []
    if len(content) >= 4 and content[:3] == b"\0\0\x08" and len(content) >= 4 + 4 * content[3]:
        sides = [int(side) for side in np.frombuffer(content, ">u4", content[3], 4)]
    if not sides or len(content) != 4 + 4 * len(sides) + int(np.prod(sides)):
        raise ValueError(f"{path}: is no file of bytes in the IDX format, or a damaged one")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(sides)).reshape(sides)


def shipped(train: FashionImages, test: FashionImages) -> dict[str, Callable[[Path], object]]:
    """Writers, by file name, of what measuring needs: test images, and the mixtures fitted to all others."""
    return {
        "images.npz": lambda path: _write_images(test, path),
        "shared.npz": lambda path: _write_mixture(train, "shared", path),
        "each.npz": lambda path: _write_mixture(train, "each", path),
    }


def _write_images(test: FashionImages, path: Path) -> None:
    rows = torch.cat([torch.nonzero(test.labels == k)[:_SHIPPED, 0] for k in range(len(CLASSES))])
    images = ((test.pixels[rows, 0] + 1) * 127.5).round().to(torch.uint8).numpy()
    with path.open("wb") as stream:
        np.savez_compressed(stream, images=images, labels=test.labels[rows].to(torch.uint8).numpy())


def _write_mixture(train: FashionImages, covariance: Kind, path: Path) -> None:
    """Means and factors in single precision, compressed; classes in the order of the data set's numbers."""
    rows = train.pixels.reshape(len(train.pixels), -1).double().numpy()
    names = np.array(CLASSES)[train.labels.numpy()]
    equal = np.full(len(CLASSES), 1 / len(CLASSES))
    fitted = GaussianMixture.fit(rows, names, covariance, rank=_RANKS[covariance], weights=equal)
    ordered = fitted.among(CLASSES)
    ordered.save(path)
    with np.load(path, allow_pickle=False) as held:
        arrays: Fields = {name: held[name] for name in held.files}
    for name, values in arrays.items():
        if name.startswith(("means", "covariance", "factors")):
            arrays[name] = values.astype(np.float32)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
