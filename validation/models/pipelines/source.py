"""Where a pipeline's parts are read from: a folder or a hub name, by the libraries, silently and safely.

Only safetensors are read, every weight of a network must be in the file, and nothing is fetched unless asked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from ....numerics.runs.manifests import sha256
from ....theory._support.aliases import Fields, Part
from ....theory._support.one_line import one_line
from ..._support.torch_randomness import undisturbed

__all__ = ["Source", "complain", "first_line", "pipeline_files", "silent"]

_PARTS = (
    *("scheduler", "tokenizer", "tokenizer_2", "tokenizer_3"),
    *("text_encoder", "text_encoder_2", "text_encoder_3", "unet", "transformer"),
)
_READ = (".json", ".txt", ".model", ".safetensors")  # endings of the files that a part is read from
_ALONE = ("model_index.json", "vae/config.json")
_AT_ROOT = ("config.json", "scheduler_config.json", "diffusion_pytorch_model*.safetensors")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth")
_BUFFERS = ("position_ids",)  # counted, not learnt: older files of text encoders hold them


@dataclass(frozen=True)
class Source:
    """A pipeline's folder or hub name, and how its parts are read.

    Parameters
    ----------
    name : str
        The folder, or the name of a hub repository.
    download : bool
        Whether what is not on this machine may be fetched.
    variant : str, optional
        Which of several files of weights: of `variant="fp16"`, `*.fp16.safetensors`.
    """

    name: str
    download: bool = False
    variant: str | None = None

    @property
    def folder(self) -> Path | None:
        """The folder, or `None` for a hub name."""
        path = Path(self.name)
        return path if path.is_dir() else None

    def holds(self, part: str) -> bool:
        """Whether a part has a folder of its own; of a hub name its configuration must be found."""
        if self.folder is not None:
            return (self.folder / part).is_dir()
        return bool(self.configuration(part, missing={}))

    def read(self, part: str, reader: Callable[..., Part], **options: Part) -> Part:
        """What `reader` makes of a part; `ValueError` with one line that names it for what it raises."""
        options = {"local_files_only": not self.download, "subfolder": part} | options
        if options["subfolder"] is None:
            del options["subfolder"]
        try:
            with silent(), undisturbed():
                return reader(self.name, **options)
        except MemoryError:
            raise
        except Exception as error:  # the libraries raise what they meet
            hint = self._hint(part) if "use_safetensors" in options else ""
            if not self.download and self.folder is None:
                hint = " (not on this machine; downloads are off)"
            raise ValueError(f"{self.name}: {part} cannot be read{hint}: {first_line(error)}") from None

    def configuration(self, part: str | None, kind: str = "config", missing: Fields | None = None) -> Fields:
        """The configuration file of a part; `None` is the top, `missing` what stands for an absent one.

        `kind` is `config`, `scheduler_config` or `model_index`.
        """
        from diffusers.models.unets.unet_2d import UNet2DModel
        from diffusers.pipelines.pipeline_utils import DiffusionPipeline
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

        readers: Fields = {
            "config": UNet2DModel.load_config,
            "scheduler_config": DDPMScheduler.load_config,
            "model_index": DiffusionPipeline.load_config,
        }
        try:
            found = self.read(part or kind, readers[kind], subfolder=part)
        except ValueError:
            if missing is None:
                raise
            return missing
        if not isinstance(found, Mapping):
            raise ValueError(f"{self.name}: {part or kind}: its configuration is no object")
        return dict(found)

    def network(self, part: str, kind: Part, dtype: torch.dtype, subfolder: str | None = "") -> Part:
        """A module whose every weight is in the file; the libraries would draw the others at random."""
        # names of what does not fit are asked for, and refused below
        options: Fields = {"output_loading_info": True, "ignore_mismatched_sizes": True}
        options |= {"use_safetensors": True, "subfolder": part if subfolder == "" else subfolder}
        if _is_text_encoder(kind):
            options["dtype"] = dtype
        else:
            options |= {"torch_dtype": dtype, "low_cpu_mem_usage": False}
        if self._has_variant(part, options["subfolder"]):
            options["variant"] = self.variant
        module, info = self.read(part, kind.from_pretrained, **options)
        found = {
            trouble: [key if isinstance(key, str) else key[0] for key in info.get(trouble) or ()]
            for trouble in ("missing_keys", "unexpected_keys", "mismatched_keys")
        }
        complain(f"{self.name}: {part}", *found.values())
        return module

    def _has_variant(self, part: str, subfolder: str | None) -> bool:
        if self.variant is None:
            return False
        if self.folder is None or part in ("unet", "transformer"):
            return True
        return any((self.folder / (subfolder or "")).glob(f"*.{self.variant}*.safetensors"))

    def _hint(self, part: str) -> str:
        """What the folder of a part holds instead of what was looked for."""
        if self.folder is None or not (self.folder / part).is_dir():
            return ""
        names = sorted(path.name for path in (self.folder / part).iterdir())
        safe = [name.split(".") for name in names if name.endswith(".safetensors")]
        if not safe and any(name.endswith(_PICKLES) for name in names):
            return " (its weights are a pickle, which could execute; only safetensors are read)"
        variants = sorted({words[-2].split("-")[0] for words in safe if len(words) > 2})
        if variants and self.variant is None:
            return f" (give variant={' or '.join(map(repr, variants))})"
        return ""


def _is_text_encoder(kind: object) -> bool:
    return str(kind.__module__).startswith("transformers")


def complain(
    where: str, missing: Sequence[str], unexpected: Sequence[str], mismatched: Sequence[str]
) -> None:
    """`ValueError` for the first weight that is absent, unknown or of another shape, and how many more."""
    for keys, verb in (
        (missing, "is missing"),
        (unexpected, "is not a weight of this network"),
        (mismatched, "has another shape"),
    ):
        named = sorted(key for key in keys if not key.endswith(_BUFFERS))
        if named:
            more = f", and {len(named) - 1} more" if len(named) > 1 else ""
            raise ValueError(f"{where}: {named[0]} {verb}{more}")


def pipeline_files(source: str | Path) -> dict[str, str]:
    """SHA-256 of each file on this machine that a pipeline is read from, by path."""
    from transformers.utils.hub import cached_file

    folder = Path(source)
    if folder.is_file():
        return {str(folder): sha256(folder)}
    if not folder.is_dir():
        wanted: Part = {"subfolder": "scheduler", "local_files_only": True}
        found: Part = cached_file(str(source), "scheduler_config.json", **wanted)
        folder = Path(found).parent.parent
    files = [path for part in _PARTS for path in sorted((folder / part).glob("*")) if path.suffix in _READ]
    files += [folder / name for name in _ALONE if (folder / name).is_file()]
    files += [path for pattern in _AT_ROOT for path in sorted(folder.glob(pattern))]
    return {str(path): sha256(path) for path in files}


@contextmanager
def silent() -> Iterator[None]:
    """The libraries neither draw bars nor log while they load; what goes wrong is raised."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    libraries: tuple[Part, ...] = (of_diffusers, of_transformers)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity(library.CRITICAL)
            library.disable_progress_bar()
        yield
    finally:
        for library, (level, bar) in zip(libraries, before, strict=True):
            library.set_verbosity(level)
            if bar:
                library.enable_progress_bar()


def first_line(error: BaseException) -> str:
    """What an exception says first; where that ends in a colon, what comes after it too."""
    lines = str(error).strip().splitlines()
    told = ValueError(" ".join(lines[: 2 if lines[0].endswith(":") else 1])) if lines else error
    return one_line(told)
