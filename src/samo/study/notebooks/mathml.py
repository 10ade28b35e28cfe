"""Formulas of the report: written in LaTeX between dollar signs, as Jupyter shows them, turned into MathML here.

Browsers draw MathML by themselves, so that the page needs neither a script nor the network for it.
"""

import re

from latex2mathml import converter

_FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\\w$])\$([^\s$][^$\n]*?)\$(?!\w)", flags=re.DOTALL)


def to_mathml(markdown: str) -> str:
    """Markdown with `$…$` as inline and `$$…$$` as display formulas in MathML; an escaped dollar stays a dollar."""
    return _FORMULA.sub(_one, markdown)


def _one(match: re.Match[str]) -> str:
    display = match[1] is not None
    found = converter.convert((match[1] or match[2]).strip(), display="block" if display else "inline")
    if display:
        found = found.replace(
            "<math ", '<math tabindex="0" ', 1
        )  # wider than a telephone's screen, it scrolls, also by keyboard
    # Markdown must not take a formula's underscores and stars for its own, nor a formula for several paragraphs.
    return re.sub(r"\s*\n\s*", " ", found)
