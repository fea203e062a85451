"""Pages as Jinja templates in Markdown: what may hold `<` or `&` passes the filter `e` there."""

from pathlib import Path
from typing import Any

import jinja2
from speciation.theory.theorems.rendering import html, mathematics

_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=jinja2.select_autoescape(["html.j2"], default=False),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
_PAGES.filters |= {"mathematics": mathematics, "derivation": html}


def page(name: str, **values: Any) -> str:
    """The page `name` of `docs/templates/` with these values."""
    return _PAGES.get_template(f"{name}.md.j2").render(**values)
