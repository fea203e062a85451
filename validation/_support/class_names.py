"""Names of a model's classes: one or several each, of which some may be of two classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["ClassNames"]


@dataclass(frozen=True)
class ClassNames:
    """The names of each condition, compared without regard to case; `identifiers` are each of one alone."""

    names: Mapping[str, Sequence[str]]
    identifiers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _conditions(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for condition, names in self.names.items():
            own = (*names, ", ".join(names), self.identifiers.get(condition, ""))
            for name in dict.fromkeys(name.casefold() for name in own if name):
                found.setdefault(name, []).append(condition)
        return {name: tuple(own) for name, own in found.items()}

    def find(self, name: str, argument: str = "classes") -> str | None:
        """The condition with this name, or `None`.

        Raises
        ------
        ValueError
            For a name of several, with all of them and the `argument` that it was given to.
        """
        own = self._conditions.get(name.strip().casefold(), ())
        if len(own) > 1:
            which = " and ".join(
                f"{self.identifiers.get(c, c)} ({', '.join(self.names[c][:3])})" for c in own
            )
            raise ValueError(f"{argument}: {name!r} is the name of {which}; say which of these")
        return own[0] if own else None

    def shown(self, condition: str) -> str:
        """A condition with its name, if it has another: `207 (golden retriever)`."""
        names = [name for name in self.names.get(condition, ()) if name != condition]
        return f"{condition} ({names[0]})" if names else condition
