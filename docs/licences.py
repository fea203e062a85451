"""Licences of what an installation brings along, read from the metadata of the installed packages."""

from importlib import metadata
from typing import Any

from packaging.requirements import Requirement


def licences() -> list[tuple[str, str, str]]:
    """Name, version and licence of everything that `pip install 'speciation[models]'` brings along."""
    found: dict[str, tuple[str, str, str]] = {}
    waiting, seen = [("speciation", "models")], set()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        name, extra = wanted
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:  # of another platform
            continue
        key = str(about["Name"]).lower().replace("_", "-")
        found[key] = (key, metadata.version(name), _licence(about))
        for needed in map(Requirement, metadata.requires(name) or []):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, each) for each in ("", *needed.extras)]
    del found["speciation"]
    return sorted(found.values())


def _licence(about: Any) -> str:
    """The expression, or the classifiers, or the first words of the old field."""
    named = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or [] if "License ::" in text]
    first = (about.get("License") or "").strip().partition("\n")[0][:60]
    return about.get("License-Expression") or ", ".join(named) or first
