"""How often the rule errs: verdicts of many made worlds with the places, seeds, shared bases and spreads of a real run.

A world keeps the places of a claim's comparisons and the noise that was measured there: each dataset's values [seed,
place] are drawn anew with the covariance that they had, so that places which share a base, the single-task runs or the
seeds stay as dependent as they were, and as loud. Only their means are planted.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from samo.claims import get
from samo.claims.contrast import SAMO, Comparison, compare
from samo.claims.effects import of_seeds
from samo.claims.evidence import Evidence, Kind
from samo.claims.rule import Verdict, judge
from samo.results import tables

PUBLISHED = {"multimnist": 0.86, "multifashion": 1.41, "multifashionmnist": 0.72}
"""Mean gain in Delta-m of the F-methods over their bases by dataset (F-MTL, Table 1); `GAIN` on all others."""
GAIN = 1.59
"""The smallest gain over a base in the SAMO paper's main tables (FairGrad on NYUv2)."""

Truth = Callable[[str, int], float]
"""(dataset, which of its places) -> the planted effect."""
TRUTHS: Mapping[str, Truth] = {
    "the papers' gain everywhere": lambda dataset, _: PUBLISHED.get(dataset, GAIN),
    "half of it everywhere": lambda dataset, _: PUBLISHED.get(dataset, GAIN) / 2,
    "the papers' gain at every other place": lambda dataset, k: PUBLISHED.get(dataset, GAIN) * (k % 2),
    "none": lambda dataset, _: 0.0,
    "the papers' gain as a loss": lambda dataset, _: -PUBLISHED.get(dataset, GAIN),
    "half a point, the margin": lambda dataset, _: 0.5,
}
CLAIMS = (5, 9, 11, 13, 21)
"""Those on a gain in Delta-m with one case; 21 with the pairs of the run as if their settings were equal."""
PLACEBO = Kind("placebo")


def table(
    evidence: Evidence, worlds: int = 2000, claims: Sequence[int] = CLAIMS, seeds: Sequence[int | None] = (None,)
) -> pd.DataFrame:
    """Share of each verdict, a row per claim, number of seeds and planted truth.

    Args:
        evidence: of the run whose places, seeds and spreads the worlds have.
        worlds: made for each row.
        claims: by number; one without comparisons over seeds is left out.
        seeds: for each of these the table is made; None: as many as the run has.
    """
    found = []
    for number in claims:
        made = compare(PLACEBO, SAMO)(evidence) if number == 21 else get(number).comparisons(evidence)
        comparisons = [c for c in made if c.effect and c.effect.by_seed]
        least = min((c.effect.n for c in comparisons if c.effect), default=0)
        for n, (truth, planted) in product(seeds if comparisons else (), TRUTHS.items()):
            share = verdicts(comparisons, planted, worlds, np.random.default_rng([number, n or 0]), n)
            head = {"claim": number, "places": len(comparisons), "seeds": n or least, "truth": truth}
            found.append(head | {str(v): share[v] / worlds for v in list(Verdict)[:4]})
    return pd.DataFrame(found)


def markdown(table: pd.DataFrame) -> str:
    """The table as GitHub's Markdown, shares in per cent."""
    shares = list(table.columns[4:])
    return tables.markdown(
        table.assign(**{v: [f"{100 * x:.1f}" for x in table[v]] for v in shares}).astype(str), right=shares
    )


def verdicts(
    comparisons: Sequence[Comparison], planted: Truth, worlds: int, rng: np.random.Generator, seeds: int | None = None
) -> Counter[Verdict]:
    """The verdicts of so many worlds with these comparisons' noise and the planted effects."""
    # {dataset: (its comparisons, their values without the means [seed, place])}, on the seeds that all have.
    blocks: dict[str, tuple[list[int], np.ndarray]] = {}
    for dataset in dict.fromkeys(c.dataset for c in comparisons):
        places = [k for k, c in enumerate(comparisons) if c.dataset == dataset]
        noise = pd.DataFrame({k: effect.by_seed for k in places if (effect := comparisons[k].effect)}).dropna()
        blocks[dataset] = (places, (noise - noise.mean()).to_numpy())
    found: Counter[Verdict] = Counter()
    for _ in range(worlds):
        made = list(comparisons)
        for dataset, (places, spread) in blocks.items():
            n = seeds or len(spread)
            values = rng.normal(size=(n, len(spread))) @ spread / np.sqrt(len(spread) - 1)
            for column, k in enumerate(places):
                effect = of_seeds(planted(dataset, column) + values[:, column])
                made[k] = replace(comparisons[k], effect=effect)
        found[judge(made).whole.verdict] += 1
    return found
