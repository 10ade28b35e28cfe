"""Which method is which: told by what it is made of, never by its name, and in this one place for every reader."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from samo.optim.sharpness import preset

OWN_RATE = "lr "
"""How the text of a method's optimiser begins where its block gives a learning rate alone."""
RADII = ("rho", "head_rho")
"""Fields that a search or a profile chooses; a method is the same whatever they are."""


@dataclass(frozen=True)
class MethodSpec:
    """What a condition trains."""

    name: str  # its key in params.yaml
    aggregator: str  # its name
    options: Mapping[str, Any] = field(default_factory=dict)  # those of the aggregator that were given
    sharpness: str = "none"  # the preset's name
    fields: Mapping[str, Any] = field(default_factory=dict)  # those of the preset that were given
    networks: str = "shared"  # one trunk, or "separate": one network per task
    variant: bool = False  # whether it stands beside the main table, to show how much a setting matters
    optimizer: str = ""  # its own, with options, and a learning rate that its block gives; "" for the dataset's

    @classmethod
    def of_run(cls, name: str, run: Mapping[str, Any]) -> "MethodSpec":
        """Of a condition's metrics.json, or of what a block of params.yaml is `made_of`."""
        kept = ("aggregator", "options", "sharpness", "fields", "networks", "optimizer")
        return cls(name, **{key: run[key] for key in kept if key in run})

    @classmethod
    def of_row(cls, row: Mapping[Any, Any]) -> "MethodSpec":
        """Of a row of `samo.claims.evidence.Evidence.runs`."""
        kept = ("sharpness", "fields", "networks", "variant", "optimizer")
        return cls(row["method"], row["aggregator"], **{key: row[key] for key in kept})

    @property
    def aggregator_text(self) -> str:
        """The aggregator's name, with the options given to it: "cagrad c=0.2"."""
        return " ".join([self.aggregator, *(f"{key}={value}" for key, value in sorted(self.options.items()))])

    @property
    def plain(self) -> bool:
        """Whether it has no sharpness, so that others are measured against it."""
        return self.sharpness == "none"

    @property
    def single(self) -> bool:
        """Whether it is single-task training (STL), the zero of Delta-m."""
        return self.plain and self.networks == "separate"

    @property
    def control(self) -> bool:
        """Whether it is another optimiser without sharpness; a learning rate of its own is a setting."""
        return self.plain and bool(self.optimizer) and not self.at_own_rate

    @property
    def at_own_rate(self) -> bool:
        """Whether its block gives a learning rate, and no other optimiser."""
        return self.optimizer.startswith(OWN_RATE)

    @property
    def family(self) -> tuple[str, str, str, str]:
        """What it is but for the values of its settings: networks, aggregator with its options, preset, optimiser."""
        return self.networks, self.aggregator_text, self.sharpness, self.optimizer

    @property
    def changed(self) -> dict[str, Any]:
        """The fields, radii aside, in which it differs from its preset."""
        default, own = preset(self.sharpness), preset(self.sharpness, **self.fields)
        given = (name for name in self.fields if name not in RADII)
        return {name: self.fields[name] for name in given if getattr(own, name) != getattr(default, name)}

    @property
    def radii(self) -> dict[str, Any]:
        """The radii that its block gives."""
        return {name: value for name, value in self.fields.items() if name in RADII}

    def base(self, known: Iterable["MethodSpec"]) -> "MethodSpec | None":
        """The one with the same networks, aggregator and optimiser but no sharpness; None for such a method itself."""
        wanted = (self.networks, self.aggregator_text, "none", self.optimizer)
        return None if self.plain else next((other for other in known if other.family == wanted), None)


def standing_for(same: Sequence[MethodSpec]) -> MethodSpec | None:
    """Of several methods that differ in their radii alone, the one that stands for all.

    One that is no variant, and of these the one with the fewest radii given (whose radius was searched), or the one
    at the preset's own radius (where each is a dose); None where there is none, or no single one.
    """
    same = [method for method in same if not method.variant] or list(same)
    least = min((len(method.radii) for method in same), default=0)
    same = [method for method in same if len(method.radii) == least]
    if len(same) > 1:
        same = [method for method in same if method.radii.get("rho") == preset(method.sharpness).rho]
    return same[0] if len(same) == 1 else None


def specs(runs: Mapping[str, Mapping[str, Any] | None]) -> dict[str, MethodSpec]:
    """Of the methods of one dataset, those that have run."""
    return {name: MethodSpec.of_run(name, run) for name, run in runs.items() if run}
