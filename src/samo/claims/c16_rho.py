"""16. F-MTL is insensitive to rho.

Tested: Delta-m of F-MTL at each radius of a grid minus that at the grid's middle, all else equal; at least three radii,
the largest ten times the smallest: over less, insensitivity says nothing. Supported: within half a point
(`contrast.MARGIN`) either way for all radii, by two one-sided tests: the sentence itself claims no difference.
Contradicted: outside of it for one.
"""

from collections import defaultdict
from collections.abc import Iterator

from samo.claims.contrast import ALIKE, Comparison, difference, each_dataset
from samo.claims.evidence import Evidence, Kind

QUOTE = "The framework is insensitive to the hyperparameters (perturbation radii ρ_sh, ρ_ns)."
SOURCE = "F-MTL, method and appendix D.3"


@each_dataset
def comparisons(evidence: Evidence, dataset: str) -> Iterator[Comparison]:
    # (aggregator, kind): {rho given in params.yaml: method}; those of a grid differ in rho alone.
    grids: dict[tuple[str, str], dict[float, str]] = defaultdict(dict)
    for method in evidence.methods[dataset]:
        if method.sharpness == "fmtl" and method.networks == "shared" and list(method.radii) == ["rho"]:
            grids[method.aggregator_text, str(Kind.of(method))].setdefault(float(method.radii["rho"]), method.name)
    wide = {key: grid for key, grid in grids.items() if len(grid) >= 3 and max(grid) >= 10 * min(grid)}
    for (base, kind), grid in wide.items():
        middle = sorted(grid)[len(grid) // 2]
        for rho in sorted(set(grid) - {middle}):
            pair = (grid[rho], grid[middle])
            effect = difference(evidence, dataset, *pair)
            case = f"rho {rho:g} for {middle:g}" + (f", {kind}" if kind != "fmtl" else "")
            lack, figure = "runs on the same seeds", f"{dataset}-sensitivity"
            yield Comparison(dataset, effect, ALIKE, "Δm points", base, case, figure, lack, methods=pair)
    if not wide:
        lack = "fmtl at three given rho, the largest ten times the smallest, on one aggregator"
        yield Comparison(dataset, missing=lack)
