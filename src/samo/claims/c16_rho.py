"""16. F-MTL is insensitive to rho.

Tested: Delta-m of F-MTL at each radius of a grid minus that at the grid's middle, all else equal; at least three radii,
the largest ten times the smallest: over less, insensitivity says nothing. Supported: within half a point
(`contrast.MARGIN`) either way for all radii, by two one-sided tests: the sentence itself is of no difference.
Contradicted: outside of it for one.
"""

from collections.abc import Iterable, Sequence

from samo.claims.comparison import Comparison
from samo.claims.contrast import ALIKE, difference
from samo.claims.evidence import Evidence, Kind
from samo.results.method import MethodSpec

CLAIM = "F-MTL is insensitive to rho"
QUOTE = "The framework is insensitive to the hyperparameters (perturbation radii ρ_sh, ρ_ns)."
SOURCE = "F-MTL, method and appendix D.3"


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [comparison for dataset in evidence.datasets for comparison in _comparisons(evidence, dataset)]


def _comparisons(evidence: Evidence, dataset: str) -> list[Comparison]:
    found = []
    for base, kind, grid in _grids(evidence.methods[dataset]):
        radii = sorted(grid)
        if len(radii) < 3 or radii[-1] < 10 * radii[0]:
            continue
        middle = radii[len(radii) // 2]
        for rho in radii:
            if rho != middle:
                effect = difference(evidence, dataset, grid[rho], grid[middle])
                case = f"rho {rho:g} for {middle:g}" + (f", {kind}" if kind.changed else "")
                lack = "" if effect else "runs on the same seeds"
                figure, pair = f"{dataset}-sensitivity", (grid[rho], grid[middle])
                found.append(Comparison(dataset, effect, ALIKE, "Δm points", base, case, figure, lack, methods=pair))
    lack = "fmtl at three given rho, the largest ten times the smallest, on one aggregator"
    return found or [Comparison(dataset, None, missing=lack)]


def _grids(known: Iterable[MethodSpec]) -> list[tuple[str, Kind, dict[float, str]]]:
    """(aggregator, kind, {rho given in params.yaml: method}) of the F-methods; those of a grid differ in rho alone."""
    found: list[tuple[str, Kind, dict[float, str]]] = []
    for method in known:
        if method.sharpness != "fmtl" or method.networks != "shared" or list(method.radii) != ["rho"]:
            continue
        own = (method.aggregator_text, Kind.of(method))
        grid = next((grid for *of, grid in found if tuple(of) == own), None)
        if grid is None:
            grid = {}
            found.append((*own, grid))
        grid.setdefault(float(method.radii["rho"]), method.name)
    return found
