"""What can be asked of a measurement: name, type, default, least value, choices and help of each argument.

`measure`, `Request` and the options of `speciation measure` are made from this class. It loads without torch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack, cast, get_args

from ...numerics._support.seeds import seed_of
from ...theory._support.real_numbers import real_number
from ...theory._support.whole_numbers import whole_number
from .methods import ALL_PAIRS_SAMPLES, METHODS, Estimator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...theory.mixtures.mixture import GaussianMixture
    from ..denoiser import Denoiser
    from ..estimators.chains import Reference
    from ..estimators.cloning import Classifier
    from .groups import Partition

__all__ = ["Asked", "Precision", "Said"]

Precision = Literal["float32", "float16", "bfloat16"]
PresetName = Literal["h26", "h26-headline"]


class Said(TypedDict, total=False):
    """What is said of an argument besides its type and default.

    `help` is that of its option, with arguments in braces. `least` is the smallest number that Python takes,
    and `shell_least` the smallest that makes a curve worth printing; `choices` are all its values. `shell` is
    what the command line reads the option as, text unless it is said, and `metavar` how it is shown there.
    """

    help: str
    least: int
    shell_least: int
    choices: tuple[str, ...]
    shell: object
    metavar: str


def _said(**said: Unpack[Said]) -> Mapping[str, object]:
    return said


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The arguments of a measurement; `ValueError` names one that is out of its range or choices."""

    model: "str | Denoiser" = field(kw_only=False)
    classes: "str | Sequence[str] | None" = field(
        default=None,
        metadata=_said(
            help="Classes to tell apart, by number or name: 3,8 or pullover,boot; repeat the option for "
            "names with commas. A single class is compared with the unconditional network. all: every"
            " pair of classes.",
            shell=list[str],
        ),
    )
    estimator: Estimator | None = field(
        default=None,
        metadata=_said(
            help=f"{'; '.join(f'{name}: {each.about}' for name, each in METHODS.items())}. Default: "
            "discrepancy where there are samples, else path.",
            choices=tuple(METHODS),
        ),
    )
    guidance: float = field(
        default=1.0,
        metadata=_said(
            help="Weight ω of classifier-free guidance: ω D_own + (1 − ω) D_reference, with D the network's "
            "estimate of the clean sample, D_own for the class guided to. 1 is no guidance.",
            shell=float,
        ),
    )
    guidance_reference: "Reference | None" = field(
        default=None,
        metadata=_said(
            help="D_reference of {guidance}: unconditional (the network without a class; the default where"
            " there is one) or classes (mean over the measured classes, weighted by their posterior)."
        ),
    )
    reference: "Reference | None" = field(
        default=None,
        metadata=_said(
            help="D_reference of the entropy when all classes are measured: classes (mean over the classes, "
            "weighted by their posterior; the default for networks) or unconditional (the network without a "
            "class, whose errors count as information; for a SPEC the two are equal)."
        ),
    )
    interval: tuple[float, float] | None = field(
        default=None, metadata=_said(help="LOW,HIGH: noise levels σ between which guidance acts.")
    )
    checkpoint: str | Path | None = field(
        default=None,
        metadata=_said(help="File of weights; for a pipeline a folder, a .safetensors file or a hub name."),
    )
    reference_checkpoint: str | Path | None = field(
        default=None,
        metadata=_said(
            help="For edm and edm2: checkpoint of the unconditional network.", shell=Path, metavar="PATH"
        ),
    )
    prompts: str | Path | None = field(
        default=None,
        metadata=_said(
            help="For pipelines: a JSON file with a list of prompts for each class name.",
            shell=Path,
            metavar="PATH",
        ),
    )
    partition: "Partition | str | Path | None" = field(
        default=None,
        metadata=_said(
            help="Measure the decision between groups of classes: a JSON file with a list of classes for "
            "each group, or for ImageNet models imagenet:NAME,NAME, the classes below each name in "
            "WordNet (rest: all others). Replaces {classes}.",
            metavar="F.json|imagenet:NAME,NAME",
        ),
    )
    members: int | None = field(
        default=None,
        metadata=_said(
            help="Number of classes drawn from each group of {partition}; default all. With fewer, the "
            "measured decision is too early (at too large a σ), by order 1/N.",
            least=1,
            shell_least=1,
            shell=int,
        ),
    )
    prediction: "GaussianMixture | str | Path | None" = field(
        default=None,
        metadata=_said(
            help="Prediction to compare with: a SPEC or a fitted MIX.npz; samples[:N], a fit to N samples "
            "a class drawn with the model; or denoiser, γ of two classes from the denoiser alone."
        ),
    )
    classifier: "Classifier | str | None" = field(
        default=None,
        metadata=_said(
            help="my_module.py:classifier: your classifier judges the ends of clones, instead of the "
            "posterior carried along the run. classifier(x) returns one integer for each sample.",
            metavar="FILE:NAME",
        ),
    )
    preset: PresetName | None = field(
        default=None, metadata=_said(help="Settings of a published measurement: h26 or h26-headline.")
    )
    samples: int | None = field(
        default=None,
        metadata=_said(
            help=f"Number of samples. Defaults: {METHODS['path'].samples} chains or noised samples of a "
            "model with clean samples (1200/K for a network with K > 2 classes, at least 150), "
            f"{METHODS['path'].samples_without} chains of one without, {METHODS['commitment'].samples} for "
            f"commitment, {METHODS['cloning'].samples} for cloning, {ALL_PAIRS_SAMPLES} for all pairs.",
            least=1,
            shell_least=2,
            shell=int,
        ),
    )
    levels: int | None = field(
        default=None,
        metadata=_said(
            help=f"Number of noise levels. Defaults: {METHODS['discrepancy'].levels}; "
            f"{METHODS['path'].levels} steps for chains; {METHODS['cloning'].levels} levels for cloning.",
            least=2,
            shell_least=4,
            shell=int,
        ),
    )
    batch: int = field(
        default=64,
        metadata=_said(
            help="Samples evaluated at once; fewer need less memory.", least=1, shell_least=1, shell=int
        ),
    )
    variant: str | None = field(
        default=None, metadata=_said(help="For pipelines: variant of the weights, such as fp16.")
    )
    device: str = field(default="cpu", metadata=_said(help="Device: cpu, cuda, cuda:1, ..."))
    precision: Precision = field(
        default="float32",
        metadata=_said(
            help="Precision of the network: float32 or, on a GPU, float16 or bfloat16.",
            choices=get_args(Precision),
        ),
    )
    download: bool = field(
        default=False, metadata=_said(help="For pipelines: download what is missing.", shell=bool)
    )
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", seed_of(self.seed, "seed"))
        object.__setattr__(self, "guidance", real_number(self.guidance, "guidance"))
        if self.classes is not None:
            object.__setattr__(self, "classes", _names(self.classes))
        for each in fields(self):
            value, said = getattr(self, each.name), each.metadata
            if value is None:
                continue
            if "least" in said:
                whole_number(value, each.name, said["least"])
            if "choices" in said and value not in said["choices"]:
                raise ValueError(f"{each.name}: {value!r} is not one of {', '.join(said['choices'])}")


def _names(classes: object) -> list[str]:
    """One text of names, or a sequence of them."""
    if isinstance(classes, str):
        return [classes]
    names = list(cast("Iterable[object]", classes)) if isinstance(classes, Iterable) else [classes]
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise ValueError(f'classes: need names as text, such as ["3", "8"], not {wrong!r}')
    return [str(name) for name in names]
