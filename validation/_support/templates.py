"""Reports from Jinja templates, which lie in the folder `templates` beside the module that fills them."""

from pathlib import Path

import jinja2

__all__ = ["environment"]


def environment(module: str) -> jinja2.Environment:
    """Templates beside the module whose file this is; what goes into `.html.j2` is escaped.

    A name that a template uses and is not given is an error (`jinja2.UndefinedError`).
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(module).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html.j2"], default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
