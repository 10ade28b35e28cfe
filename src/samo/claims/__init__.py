"""The papers' sentences, one file each (`c05_….py`), with the test that each is put to.

What a claim's module holds is in `Claim`; it is found by its name. The rule that turns its comparisons into verdicts is
the same for all of them (`rule`), and all of them read the same frames (`evidence`). Nothing here touches a file.
"""

import importlib
import pkgutil
import re
from collections.abc import Sequence
from typing import Protocol, cast

from samo.claims.comparison import Comparison
from samo.claims.evidence import Evidence


class Claim(Protocol):
    """What a module of a claim gives; its docstring says what is tested, and what each verdict would mean."""

    CLAIM: str
    """The sentence, in our words and short."""
    QUOTE: str
    """The sentence in its source's own words; empty where the claim is ours."""
    SOURCE: str
    """Whose it is, and where."""

    def comparisons(self, evidence: Evidence) -> Sequence[Comparison]:
        """What is compared at which place, and where the effect lies if the sentence holds.

        A dataset without the conditions that are needed has a comparison without an effect, which says what is missing.
        """


def numbers() -> dict[int, str]:
    """{number: module name} of the claims there are: the modules of this folder named c<two digits>_<words>."""
    found = (re.fullmatch(r"c(\d\d)_\w+", m.name) for m in pkgutil.iter_modules(__path__))
    return {int(m[1]): m[0] for m in sorted((m for m in found if m), key=lambda m: m[0])}


def get(number: int) -> Claim:
    """The module of a claim.

    Raises:
        KeyError: there is none of that number.
    """
    return cast("Claim", importlib.import_module(f"samo.claims.{numbers()[number]}"))
