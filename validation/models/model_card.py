"""The card that lies beside the weights of the digits model."""

from typing import Any

__all__ = ["model_card"]

_CARD = """# Digits model

An EDM2 network (K24) of scikit-learn's 1,797 handwritten digits: {parameters:,} parameters,
{side} × {side} pixels in [−1, 1], conditions `0` to `9`; no label is the unconditional model.

| | |
|---|---|
| architecture | {channels} channels, factors {factors}, {blocks} block(s) a level, attention at {attention} |
| data's standard deviation σ_d | {sigma_data} |
| trained on | every image but each fifth of a digit; the others are held out |
| loss | `λ(σ)|D − x₀|²`, `λ = (σ² + σ_d²)/(σσ_d)²`, `log σ ~ N({mean}, {std}²)`, with a learned uncertainty |
| steps × batch | {steps} × {batch}, Adam, learning rate {rate} falling as 1/√step after step {decay} |
| label dropout | {dropout} |
| average | power function of width {width} |
| seed | {seed} |
| made with | {versions}; {hardware} |
| loss per pixel at the end | {train_loss:.4f} in training (network), {held_loss:.4f} held out (average) |

Made by `python -m speciation.validation.train_digits --out FOLDER`, which repeats it to the same bits on the
same machine and versions. Fit for measuring when the class of a digit is decided; for nothing else.

In the repository: closure, peak and median of every pair of digits, `docs/results/digits-pairs.csv`; the
training curve and samples, `docs/figures/digits-training.png` and `docs/figures/digits-samples.png`.

## Training curve

| step | training loss | held-out loss |
|---:|---:|---:|
{history}
"""


def model_card(about: dict[str, Any]) -> str:
    """Markdown from what `train_digits` knows of its run."""
    settings, network = about["settings"], about["configuration"]
    rows = [f"| {step} | {loss:.4f} | {held:.4f} |" for step, loss, held in about["history"]]
    return _CARD.format(
        parameters=about["parameters"],
        side=network["img_resolution"],
        channels=network["model_channels"],
        factors=", ".join(map(str, network["channel_mult"])),
        blocks=network["num_blocks"],
        attention=" and ".join(f"{size} × {size}" for size in network["attn_resolutions"]),
        sigma_data=network["sigma_data"],
        mean=settings["log_sigma_mean"],
        std=settings["log_sigma_std"],
        steps=settings["steps"],
        batch=settings["batch"],
        rate=settings["learning_rate"],
        decay=settings["decay_after"],
        dropout=settings["label_dropout"],
        width=settings["average_width"],
        seed=settings["seed"],
        versions=", ".join(f"{name} {number}" for name, number in about["versions"].items()),
        hardware=about["hardware"],
        train_loss=about["history"][-1][1],
        held_loss=about["history"][-1][2],
        history="\n".join(rows),
    )
