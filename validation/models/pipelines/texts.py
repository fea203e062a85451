"""Prompts as the arguments of a network: one class a family, as each family's own pipeline encodes them.

    SD 1, SD 2   the last hidden states of one CLIP encoder
    SDXL         the last hidden states but one of two, side by side, the second's pooled text and a size
    SD3          the same of two, filled with zeros to the width of T5, whose states follow; both pooled texts
    PixArt       the hidden states of T5 and which of them are of the prompt

An encoder of SD3 that is absent is zeros, with which these networks are trained too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ....numerics.runs.fingerprints import fingerprint
from ....theory._support.aliases import Fields, Part

__all__ = ["ClipText", "Encoder", "PixArtText", "SD3Text", "SDXLText", "Texts"]


@dataclass(frozen=True)
class Encoder:
    """A tokenizer with its text encoder, which reads `length` tokens, if `small` without capitals."""

    tokenizer: Part
    model: Part
    length: int
    small: bool = False

    def tokens(self, prompt: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Tokens of a prompt, cut or filled to the length, and which of them are not filling."""
        text = prompt.lower().strip() if self.small else prompt
        found = self.tokenizer(text, padding="max_length", max_length=self.length, truncation=True)
        return tuple(map(int, found.input_ids)), tuple(map(int, found.attention_mask))

    def __call__(self, prompt: str, masked: bool = False, **options: object) -> Part:
        """The encoder's answer to a prompt."""
        device = next(self.model.parameters()).device
        tokens, mask = (torch.tensor([row], device=device) for row in self.tokens(prompt))
        return self.model(tokens, attention_mask=mask, **options) if masked else self.model(tokens, **options)


class Texts(nn.Module):
    """Text encoders of a pipeline; a family says in `encoded` what becomes of a prompt."""

    null: str | None = ""
    """The prompt that stands for none; `None` where no prompt does."""

    def __init__(self, encoders: Sequence[Encoder | None]) -> None:
        super().__init__()
        self.encoders: list[Encoder | None] = list(encoders)
        self.models: nn.ModuleList = nn.ModuleList(encoder.model for encoder in self.present)
        self._prompts: dict[tuple[Part, ...], str] = {}

    @property
    def present(self) -> list[Encoder]:
        """The encoders that are there."""
        return [encoder for encoder in self.encoders if encoder is not None]

    def encoded(self, prompt: str | None) -> Fields:
        """Arguments of the network for a batch of one."""
        raise NotImplementedError

    def known(self, prompt: str) -> None:
        """`ValueError` if an earlier prompt has the same tokens in every encoder."""
        tokens = tuple(encoder.tokens(prompt) for encoder in self.present)
        first = self._prompts.setdefault(tokens, prompt)
        if first != prompt:
            lengths = " and ".join(str(length) for length in dict.fromkeys(e.length for e in self.present))
            raise ValueError(
                f"prompts: {first!r} and {prompt!r} are the same to the text encoder, which reads {lengths} "
                "tokens, start and end among them, and no capitals"
            )

    def check(self, prompts: Iterable[str | None]) -> None:
        """`ValueError` for two prompts that the text encoders cannot tell apart, which names both."""
        asked = list(prompts)
        if None in asked and self.null is not None and self.null in asked:
            raise ValueError("prompts: the empty prompt means no prompt; choose another")
        for prompt in asked:
            if prompt is not None or self.null is not None:
                self.known(str(self.null) if prompt is None else prompt)

    def arguments(self, prompt: str | None) -> Fields:
        """The same as `encoded`, of a prompt that is unlike those before."""
        asked = self.null if prompt is None else prompt
        if asked is not None:
            self.known(asked)
        return self.encoded(asked)

    def vocabularies(self) -> str:
        """SHA-256 of the tokenizers' words."""
        words = (sorted(encoder.tokenizer.get_vocab().items()) for encoder in self.present)
        lengths = [encoder.length for encoder in self.present]
        return fingerprint(*(part for items in words for item in items for part in item), *lengths)


class ClipText(Texts):
    """Of Stable Diffusion 1 and 2."""

    def encoded(self, prompt: str | None) -> Fields:
        """`encoder_hidden_states`, (1, length, width)."""
        (encoder,) = self.present
        masked = bool(getattr(encoder.model.config, "use_attention_mask", False))
        return {"encoder_hidden_states": encoder(str(prompt), masked)[0]}


class SDXLText(Texts):
    """Of Stable Diffusion XL at its own size, in pixels; no prompt is zeros where the pipeline says so."""

    def __init__(self, encoders: Sequence[Encoder | None], size: tuple[int, int], zeros: bool) -> None:
        super().__init__(encoders)
        self.size: tuple[int, int] = size
        self.null = None if zeros else ""

    def encoded(self, prompt: str | None) -> Fields:
        """`encoder_hidden_states` and, in `added_cond_kwargs`, `text_embeds` and `time_ids`."""
        answers = [encoder(prompt or "", output_hidden_states=True) for encoder in self.present]
        states = torch.cat([answer.hidden_states[-2] for answer in answers], dim=-1)
        pooled = answers[-1][0]
        if prompt is None:
            states, pooled = torch.zeros_like(states), torch.zeros_like(pooled)
        sizes = torch.tensor([[*self.size, 0, 0, *self.size]], dtype=pooled.dtype, device=pooled.device)
        added = {"text_embeds": pooled, "time_ids": sizes}
        return {"encoder_hidden_states": states, "added_cond_kwargs": added}


class SD3Text(Texts):
    """Of Stable Diffusion 3: CLIP, CLIP and T5, states of `width` numbers and `pooled` of CLIP's."""

    clip_length: int = 77
    t5_length: int = 256

    def __init__(self, encoders: Sequence[Encoder | None], width: int, pooled: int) -> None:
        super().__init__(encoders)
        self.width: int = width
        self.pooled: int = pooled
        lengths = [encoder.length for encoder in self.encoders[:2] if encoder is not None]
        self._length: int = min(lengths, default=self.clip_length)

    def encoded(self, prompt: str | None) -> Fields:
        """`encoder_hidden_states`, (1, length of CLIP + length of T5, width), and `pooled_projections`."""
        *clips, t5 = self.encoders
        like = next(self.parameters())
        states, pooled = like.new_zeros(1, self._length, self.width), like.new_zeros(1, self.pooled)
        widths = [0 if clip is None else int(clip.model.config.projection_dim) for clip in clips]
        # the first stands at the left end and the second after it, or after the room of an absent first
        starts = [0, widths[0] or self.pooled - widths[1]]
        for clip, start, width in zip(clips, starts, widths, strict=True):
            if clip is not None:
                answer = clip(str(prompt), output_hidden_states=True)
                hidden = answer.hidden_states[-2]
                states[:, :, start : start + hidden.shape[-1]] = hidden
                pooled[:, start : start + width] = answer[0]
        after = like.new_zeros(1, self.t5_length, self.width) if t5 is None else t5(str(prompt))[0]
        return {"encoder_hidden_states": torch.cat([states, after], dim=1), "pooled_projections": pooled}


class PixArtText(Texts):
    """Of PixArt-α and PixArt-Σ; `size` is given to networks that take the image's size."""

    def __init__(self, encoder: Encoder, size: tuple[int, int] | None) -> None:
        super().__init__([encoder])
        self.size: tuple[int, int] | None = size

    def encoded(self, prompt: str | None) -> Fields:
        """`encoder_hidden_states`, `encoder_attention_mask`, and the size in `added_cond_kwargs`."""
        (encoder,) = self.present
        states: Tensor = encoder(str(prompt), masked=True)[0]
        mask = torch.tensor([encoder.tokens(str(prompt))[1]], device=states.device)
        added: Fields = {"resolution": None, "aspect_ratio": None}
        if self.size is not None:
            height, width = self.size
            added = {
                "resolution": states.new_tensor([[height, width]]),
                "aspect_ratio": states.new_tensor([[height / width]]),
            }
        return {
            "encoder_hidden_states": states,
            "encoder_attention_mask": mask,
            "added_cond_kwargs": added,
        }
