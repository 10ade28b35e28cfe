"""8. Layer normalisation "preserves the directional information of the zeroth-order estimate" of a task's gradient.

Test: cosine between the exact gradient of a task and its estimate as the method uses it: one direction,
layer-normalised, at running statistics. True: above 0.5, an angle of less than 60 degrees. False: below. Theory: in P
dimensions it is about 0.8 / sqrt(P), and what is left after normalisation is the sign of the slope alone; a threshold
of 0.5 is generous to the sentence. The interval is over repeats with other batches and directions, on one trained
network.
"""

from collections.abc import Sequence

from samo.claims.effects import Repeats
from samo.claims.evidence import Evidence
from samo.claims.rule import Comparison, Region

CLAIM = "The layer-normalised SPSA estimate keeps the direction of the task gradient"
SOURCE = "SAMO, method: layer-wise normalisation"
KEPT = Region(low=0.5)


def comparisons(evidence: Evidence) -> Sequence[Comparison]:
    """See above."""
    return [comparison for dataset in evidence.datasets for comparison in _comparisons(evidence, dataset)]


def _comparisons(evidence: Evidence, dataset: str) -> list[Comparison]:
    probe = evidence.probe
    used = (probe["estimator"] == "spsa") & probe["layer_normalised"].astype(bool) & (probe["directions"] == 1)
    used &= (probe["source"] == "trained") & (probe["statistics"] == "running")
    rows = probe[used & (probe["dataset"] == dataset)]
    found = []
    for (method, seed), part in rows.groupby(["method", "seed"], sort=False):
        whole = max(part.to_dict("records"), key=lambda row: row["params"])  # not a part of the trunk
        effect = Repeats(
            float(whole["cosine"]), float(whole["cosine_low"]), float(whole["cosine_high"]), int(whole["n"])
        )
        case, note = f"{method}, seed {seed}", f"{int(whole['params'])} parameters"
        found.append(Comparison(dataset, effect, KEPT, "cosine", case=case, figure=f"{dataset}-probe", note=note))
    return found or [Comparison(dataset, None, missing="probe quality of one layer-normalised direction")]
