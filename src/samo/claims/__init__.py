"""The papers' sentences, one file each (`c05_….py`), with the test that each is put to.

A claim's module has its number and sentence as the first line of its docstring, which goes on with what is tested and
what each verdict would mean; and the names `SOURCE`, `QUOTE` (but where the claim is ours) and `comparisons`. It is
found by its file's name. The rule that turns its comparisons into verdicts is the same for all of them (`rule`), and
all of them read the same frames (`evidence`). Nothing here touches a file.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from samo.claims.contrast import Comparison
from samo.claims.evidence import Evidence


class Claim(NamedTuple):
    """A sentence with its test.

    `comparisons` gives what is compared at which place, and where the effect lies if the sentence holds; a dataset
    without the conditions that are needed has a comparison without an effect, which says what is missing.
    """

    sentence: str  # in our words, and short
    quote: str  # in its source's own words; empty where the claim is ours
    source: str  # whose it is, and where
    comparisons: Callable[[Evidence], Sequence[Comparison]]


def numbers() -> dict[int, str]:
    """{number: module name} of the claims there are: the modules of this folder named c<two digits>_<words>.

    Raises:
        ValueError: one has a number that is not of two digits, or two have the same.
    """
    found: dict[int, str] = {}
    for name in sorted(m.name for m in pkgutil.iter_modules(__path__) if re.match(r"c\d", m.name)):
        if not re.fullmatch(r"c\d\d_\w+", name):
            raise ValueError(f"src/samo/claims/{name}.py: must be named c<two digits>_<words>.py")
        if (other := found.setdefault(int(name[1:3]), name)) != name:
            raise ValueError(f"src/samo/claims/{name}.py: {other}.py has this number; take an unused one")
    return found


def get(number: int) -> Claim:
    """A claim by its number.

    Raises:
        KeyError: there is none of that number.
        ValueError: its module lacks something.
    """
    module = importlib.import_module(f"samo.claims.{numbers()[number]}")
    if missing := [name for name in ("SOURCE", "comparisons") if not hasattr(module, name)]:
        raise ValueError(f"{module.__name__}: no {missing[0]}; a claim has SOURCE and comparisons")
    sentence = str(module.__doc__).splitlines()[0].removeprefix(f"{number}. ").removesuffix(".")
    return Claim(sentence, getattr(module, "QUOTE", ""), module.SOURCE, module.comparisons)
