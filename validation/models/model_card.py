"""The card that lies beside the weights of an embedded model."""

from ...theory._support.aliases import Fields
from .._support import templates

__all__ = ["model_card"]


def model_card(name: str, about: Fields) -> str:
    """Markdown from what `training_scripts` knows of the run that made the model `name`."""
    card = templates.environment(__file__).get_template(f"{name}.md.j2")
    return card.render(about, network=about["configuration"])
