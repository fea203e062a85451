"""The card that lies beside the weights of the digits model."""

from typing import Any

from .._support import templates

__all__ = ["model_card"]


def model_card(about: dict[str, Any]) -> str:
    """Markdown from what `train_digits` knows of its run."""
    card = templates.environment(__file__).get_template("digits.md.j2")
    return card.render(about, network=about["configuration"])
