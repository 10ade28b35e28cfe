"""One way to train, as a block of params.yaml says it."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from samo import aggregation
from samo.optim import sharpness
from samo.study.config import typed
from samo.training.settings import Settings

Positive = Annotated[float, Field(gt=0)]


class Method(Settings):
    """One way to train: aggregator x sharpness.

    Attributes:
        aggregator: a name, or a mapping with `name` and the aggregator's own options.
        sharpness: a preset's name, or a mapping with `preset` and fields to change; a `rho` given here is not searched.
            Its `layers` may be a mapping from dataset to layers, since each has its own network; see `on`.
        networks: "shared" (one trunk), or "separate": one network a task, the single-task baseline.
        lr: a learning rate given here is not searched.
    """

    aggregator: str | dict[str, Any]
    sharpness: str | dict[str, Any] = "none"
    networks: Literal["shared", "separate"] = "shared"
    lr: Positive | None = None

    @field_validator("aggregator", mode="before")
    @classmethod
    def _known_aggregator(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        name, options = _named(value, "name")
        typed.refuse(options, aggregation.builder(name))
        try:
            aggregation.make(name, tasks=2, **options)  # any number of tasks shows a fault
        except TypeError:
            raise ValueError("an option of it has the wrong type") from None
        return value

    @field_validator("sharpness", mode="before")
    @classmethod
    def _known_sharpness(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        name, fields = _named(value, "preset")
        layers = fields.get("layers", "all")
        typed.refuse({key: field for key, field in fields.items() if key != "layers"}, sharpness.Sharpness)
        for own in layers.values() if isinstance(layers, dict) and layers else [layers]:
            try:
                sharpness.preset(name, **fields | {"layers": own})
            except TypeError:
                raise ValueError("a field of it has the wrong type") from None
            if any(str(layer).startswith("@") for layer in (own if isinstance(own, list) else [own])):
                raise ValueError("layers: DVC does not see a file named here; `samo layers` prints names to put in")
        return value

    def on(self, dataset: str) -> "Method":
        """This method as a dataset has it: of `layers` given by dataset, that dataset's own.

        Raises:
            ValueError: they are given by dataset, and not for this one.
        """
        layers = self.preset_fields.get("layers")
        if not isinstance(layers, dict):
            return self
        if dataset not in layers:
            raise ValueError(f"sharpness.layers has {', '.join(layers)}, and nothing for the dataset {dataset}")
        fields = self.preset_fields | {"preset": self.preset_name, "layers": layers[dataset]}
        return self.model_copy(update={"sharpness": fields})

    @property
    def aggregator_name(self) -> str:
        """Its name, without options."""
        return _named(self.aggregator, "name")[0]

    @property
    def aggregator_options(self) -> dict[str, Any]:
        """The options given."""
        return _named(self.aggregator, "name")[1]

    @property
    def preset_name(self) -> str:
        """The sharpness preset's name, without changed fields."""
        return _named(self.sharpness, "preset")[0]

    @property
    def preset_fields(self) -> dict[str, Any]:
        """The fields changed."""
        return _named(self.sharpness, "preset")[1]


def _named(value: str | dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """A name with its options, from either spelling."""
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict):
        raise ValueError(f"must be a name, or a mapping with the key {key!r}")
    if not isinstance(value.get(key), str):
        raise ValueError(f"a mapping here needs the key {key!r}")
    return value[key], {k: v for k, v in value.items() if k != key}
