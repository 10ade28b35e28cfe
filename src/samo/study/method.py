"""One way to train, as a block of params.yaml says it."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from samo import aggregation, sharpness
from samo.settings import Settings

Positive = Annotated[float, Field(gt=0)]


class Method(Settings):
    """One way to train: aggregator x sharpness.

    Attributes:
        aggregator: a name, or a mapping with `name` and the aggregator's own options.
        sharpness: a preset's name, or a mapping with `preset` and fields to change; a `rho` given here is not searched.
        networks: "shared" (one trunk), or "separate": one network a task, the single-task baseline.
        lr: a learning rate given here is not searched.
    """

    aggregator: str | dict[str, Any]
    sharpness: str | dict[str, Any] = "none"
    networks: Literal["shared", "separate"] = "shared"
    lr: Positive | None = None

    @field_validator("aggregator")
    @classmethod
    def _known_aggregator(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        name, options = _named(value, "name")
        try:
            aggregation.make(name, tasks=2, **options)  # any number of tasks shows a fault
        except TypeError:
            raise ValueError("an option of it has the wrong type") from None
        return value

    @field_validator("sharpness")
    @classmethod
    def _known_sharpness(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        name, fields = _named(value, "preset")
        try:
            sharpness.preset(name, **fields)
        except TypeError:
            raise ValueError("a field of it has the wrong type") from None
        return value

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
    if not isinstance(value.get(key), str):
        raise ValueError(f"a mapping here needs the key {key!r}")
    return value[key], {k: v for k, v in value.items() if k != key}
