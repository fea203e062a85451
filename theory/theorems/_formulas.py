r"""LaTeX formulas as MathML: bars that enclose and bars that condition, fractions on the line.

LaTeX writes the same sign in |x|, E[X|C] and f(x)|₀, and MathML spaces it by what it is. Within one pair of
brackets, bars in pairs enclose, and a bar alone is a condition.
"""

import re

from markupsafe import Markup

__all__ = ["mathml"]

_ALPHABET = re.compile(r"\\(mathbb|mathcal|mathrm) (\w)")
_FUNCTION = re.compile(r"\\(log|exp|tanh|cosh|operatorname\{\w+\})\s*(?=[\w\\])(?!\\[bB]ig|\\left)")
_BEFORE = re.compile(r"(?<=[0-9})\]A-Z])(?=\\(?:log|exp|tanh|cosh)(?![a-zA-Z]))")
_PART = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_SIZED = re.compile(r"\\(left|right|[bB]igg?[lrm]?)")
_BAR = re.compile(r'<mo(?: fence="false" stretchy="false")?>(&#x0(?:007C|2016);)</mo>')
_FORMS = ("prefix", "postfix")
_SLASH, _TIGHT_SLASH = "<mo>&#x0002F;</mo>", '<mo lspace="0" rspace="0">&#x0002F;</mo>'


def mathml(source: str, display: str = "inline") -> Markup:
    """A formula as MathML, `inline` or as a `block`."""
    from latex2mathml.converter import convert

    plain, forms = _with_bars(_plain(source))
    converted = convert(plain, display=display).replace(_SLASH, _TIGHT_SLASH)
    turn = iter(forms)
    shaped = _BAR.sub(lambda bar: f'<mo form="{next(turn)}" stretchy="false">{bar[1]}</mo>', converted)
    return Markup(shaped)  # noqa: S704 (made by the converter)


def _plain(source: str) -> str:
    """As the converter needs it: arguments of alphabets in braces, thin spaces around a function's name."""
    spaced = _BEFORE.sub(r"\\,", _ALPHABET.sub(r"\\\1{\2}", source))
    return _FUNCTION.sub(r"\\\1\\,", spaced)


def _with_bars(source: str) -> tuple[str, list[str]]:
    r"""The source with `\lvert` for bars that enclose, `\mid` for conditions, and the forms of the former."""
    parts = _PART.findall(re.sub(r"\\,\s*\|\s*\\,", "|", source))
    double = [place for place, part in enumerate(parts) if part == r"\|"]
    forms = {place: _FORMS[i % 2] for i, place in enumerate(double)}
    conditions: list[int] = []
    for bars in _bars_by_brackets(parts):
        pairs = len(bars) - len(bars) % 2
        forms.update({place: _FORMS[i % 2] for i, place in enumerate(bars[:pairs])})
        conditions += bars[pairs:]
    for place in forms:
        parts[place] = r"\lVert " if parts[place] == r"\|" else r"\lvert "
    for place in conditions:
        parts[place] = r"\mid "
    return "".join(parts), [forms[place] for place in sorted(forms)]


def _bars_by_brackets(parts: list[str]) -> list[list[int]]:
    """Places of the bars in each pair of brackets; a bar of stated size, as in f(x)|₀, is none of them."""
    found: list[list[int]] = []
    open_: list[list[int]] = [[]]
    for place, part in enumerate(parts):
        if part in ("(", "[", "{", r"\{"):
            open_.append([])
        elif part in (")", "]", "}", r"\}") and len(open_) > 1:
            found.append(open_.pop())
        elif part == "|" and not (place and _SIZED.fullmatch(parts[place - 1])):
            open_[-1].append(place)
    return found + open_
