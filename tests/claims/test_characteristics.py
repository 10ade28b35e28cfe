"""How often the rule errs, in made worlds with the study's places, seeds, shared bases and spreads."""

import numpy as np

from samo.claims.characteristics import TRUTHS, verdicts
from samo.claims.contrast import GAIN, Comparison
from samo.claims.effects import of_seeds
from samo.claims.rule import Verdict

SPREADS = {
    "multimnist": (0.80, 0.75, 0.85),
    "multifashion": (0.94, 1.08, 1.16),
    "multifashionmnist": (1.18, 0.88, 0.73),
    "scenes": (5.23, 3.25, 4.66),
}
"""Of SAMO's gain over its base in the reference run, by dataset: standard deviation of each place."""


def places() -> list[Comparison]:
    rng = np.random.default_rng(0)
    found = []
    for dataset, spreads in SPREADS.items():
        shared = rng.normal(size=10) * 0.4
        for spread in spreads:
            noise = shared + rng.normal(size=10) * 0.9
            found.append(Comparison(dataset, of_seeds(spread * noise / noise.std(ddof=1)), GAIN))
    return found


def shares(truth: str) -> dict[Verdict, float]:
    found = verdicts(places(), TRUTHS[truth], 120, np.random.default_rng(1))
    return {verdict: found[verdict] / 120 for verdict in Verdict}


def test_the_papers_gain_is_found_and_none_is_told_from_it():
    assert shares("the papers' gain everywhere")[Verdict.SUPPORTED] > 0.8
    none = shares("none")
    assert none[Verdict.EQUIVALENT] > 0.8
    assert none[Verdict.SUPPORTED] + none[Verdict.CONTRADICTED] < 0.05
    assert shares("the papers' gain as a loss")[Verdict.CONTRADICTED] > 0.8
    assert shares("half a point, the margin")[Verdict.EQUIVALENT] < 0.05 + 0.04
