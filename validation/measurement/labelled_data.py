"""Samples with classes from a disk: a `.npz` of `X` and `y`, or a folder of images, one sub-folder a class.

Images are read chunk by chunk, each time that they are asked for, as values from `low` (black) to `high`.
Reading a `.npz` executes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from ...theory._support.archives import read_arrays
from ...theory._support.one_line import one_line
from ...theory.mixtures.labelled_samples import CHUNK_NUMBERS, Chunks, Samples, chunked, samples_of

__all__ = ["LabelledData", "read_data"]

Array = NDArray[np.float64]

_IMAGES = (".png", ".jpg", ".jpeg")
_LEVELS = 255.0


@dataclass(frozen=True)
class LabelledData:
    """Chunks of (X, y), how many samples there are, the shape of one, and the units of its values."""

    chunks: Chunks
    count: int
    shape: tuple[int, ...]
    units: str

    @property
    def dimension(self) -> int:
        """Numbers in a sample."""
        return int(np.prod(self.shape, dtype=np.int64))

    def samples(self, labels: Sequence[str] | None = None) -> Samples:
        """All samples, or those of some classes, in memory."""
        rows: list[Array] = []
        marks: list[Any] = []
        wanted = None if labels is None else set(labels)
        for X, y in self.chunks():
            own = [index for index, mark in enumerate(y) if wanted is None or _name(mark) in wanted]  # type: ignore[arg-type]
            if own:
                rows.append(np.asarray(X, dtype=np.float64)[own])
                marks += [y[index] for index in own]  # type: ignore[index]
        found = samples_of(np.concatenate(rows), marks)
        return found if labels is None else found.of(labels)


def read_data(path: Path, low: float = -1.0, high: float = 1.0) -> LabelledData:
    """What lies at `path`; `ValueError` with one line for anything else.

    Images are grey or RGB, of one size; their values run from `low` to `high`.
    """
    if path.is_dir():
        return _folder(path, low, high)
    if path.suffix != ".npz" or not path.exists():
        kind = "is neither a .npz of X and y nor a folder of images" if path.exists() else "is not there"
        raise ValueError(f"data: {path} {kind}")
    try:
        arrays = read_arrays(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    except ValueError as error:
        texts = "; use y.astype(str)" if str(error).startswith("y: holds object") else ""
        raise ValueError(f"{path}: {error}{texts}") from None
    for name in ("X", "y"):
        if name not in arrays:
            held = ", ".join(arrays) or "nothing"
            raise ValueError(f"{path}: has no array {name}; it holds {held}")
    X, y = arrays["X"], arrays["y"]
    if X.ndim < 2 or X.size == 0 or y.shape != X.shape[:1]:
        more = "; use X[:, None] for one feature" if X.ndim == 1 and X.size else ""
        raise ValueError(
            f"{path}: need X of shape (samples, …) and y (samples,), not {X.shape} and {y.shape}{more}"
        )
    _check_classes(path, np.unique(y).tolist())
    return LabelledData(chunked(X, y), len(X), X.shape[1:], "those of X")


def _check_classes(path: Path, classes: Sequence[object]) -> None:
    """Refuse samples of a single class, of which nothing is decided."""
    if len(classes) < 2:
        raise ValueError(f"data: {path} holds one class ({_name(classes[0])}); need samples of at least two")


def _name(mark: object) -> str:
    from ...theory.mixtures.labelled_samples import name_of

    return name_of(mark.item() if isinstance(mark, np.generic) else mark)


def _folder(path: Path, low: float, high: float) -> LabelledData:
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"range: need finite LOW < HIGH, not {low:g}, {high:g}")
    classes = {
        folder.name: sorted(file for file in folder.iterdir() if file.suffix.lower() in _IMAGES)
        for folder in sorted(path.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
    }
    for name, files in classes.items():
        if not files:
            raise ValueError(f"data: {path / name} holds no image ({', '.join(_IMAGES)})")
    if not classes:
        raise ValueError(f"data: {path} has no sub-folders; each class of images needs one")
    shape = _pixels(next(iter(classes.values()))[0], None).shape
    _check_classes(path, list(classes))
    step = max(1, CHUNK_NUMBERS // int(np.prod(shape)))

    def chunks() -> Iterable[tuple[ArrayLike, ArrayLike]]:
        return _read(classes, shape, step, (low, high))

    count = sum(map(len, classes.values()))
    return LabelledData(chunks, count, shape, f"pixels from {low:g} to {high:g}")


def _read(
    classes: dict[str, list[Path]], shape: tuple[int, ...], step: int, ends: tuple[float, float]
) -> Iterator[tuple[ArrayLike, ArrayLike]]:
    low, high = ends
    for name, files in classes.items():
        for start in range(0, len(files), step):
            images = np.stack([_pixels(file, shape) for file in files[start : start + step]])
            yield low + (high - low) / _LEVELS * images, [name] * len(images)


def _pixels(file: Path, shape: tuple[int, ...] | None) -> Float64[Array, "height width *colours"]:
    """Values from 0 to 255, shape (height, width) or (height, width, 3)."""
    from PIL import Image

    try:
        with Image.open(file, formats=("PNG", "JPEG")) as image:
            if image.mode not in ("L", "RGB", "P"):
                raise ValueError(f"{file}: an image of mode {image.mode}; need grey (L) or RGB, of 8 bits")
            pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image, dtype=np.float64)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file}: cannot be read as an image: {one_line(error)}") from None
    if shape is not None and pixels.shape != shape:
        both = " and ".join(" x ".join(map(str, each)) for each in (shape, pixels.shape))
        raise ValueError(f"{file}: images of two shapes, {both}; all must be of one size and colour")
    return pixels
