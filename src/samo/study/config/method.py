"""One way to train, as a block of params.yaml says it."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import ConfigDict, create_model, field_validator

from samo import aggregation
from samo.optim import sharpness
from samo.training.search import Positive
from samo.training.settings import Optimizer, Settings

Named = str | dict[str, Any]
"""A name, or a mapping with the name and options."""


class Method(Settings):
    """One way to train: aggregator x sharpness. An `lr`, or a `rho` in the sharpness's fields, is fixed, not searched.

    The field `layers` may be a mapping from dataset to layers, since each dataset has its own network; see `on`.
    """

    aggregator: Named  # a name, or a mapping with `name` and the aggregator's own options
    sharpness: Named = "none"  # a preset's name, or a mapping with `preset` and fields to change
    networks: Literal["shared", "separate"] = "shared"  # one trunk, or a network per task: the single-task baseline
    lr: Positive | None = None
    optimizer: Optimizer | None = None  # instead of the dataset's

    @field_validator("aggregator", mode="before")
    @classmethod
    def _known_aggregator(cls, value: Named) -> Named:
        name, options = _named(value, "name")
        _check_types(options, aggregation.builder(name))
        aggregation.make(name, tasks=2, **options)  # a fault shows with any number of tasks
        return value

    @field_validator("sharpness", mode="before")
    @classmethod
    def _known_sharpness(cls, value: Named) -> Named:
        name, fields = _named(value, "preset")
        others = {key: field for key, field in fields.items() if key != "layers"}
        _check_types(others, sharpness.Sharpness)
        given = fields.get("layers", "all")
        for layers in given.values() if isinstance(given, dict) and given else [given]:  # those of each dataset, or one
            sharpness.preset(name, **others, layers=layers)
            if any(str(layer).startswith("@") for layer in (layers if isinstance(layers, list) else [layers])):
                raise ValueError("layers: DVC does not see a file named here; `samo layers` prints names to put in")
        return value

    def on(self, dataset: str) -> "Method":
        """This method on a dataset: with its own layers where `layers` is a mapping; a ValueError if that lacks it."""
        layers = self.preset_fields.get("layers")
        if not isinstance(layers, dict):
            return self
        if dataset not in layers:
            raise ValueError(f"sharpness.layers has {', '.join(layers)}, and nothing for the dataset {dataset}")
        fields = self.preset_fields | {"preset": self.preset_name, "layers": layers[dataset]}
        return self.model_copy(update={"sharpness": fields})

    @property
    def made_of(self) -> dict[str, Any]:
        """What distinguishes it from other methods, as metrics.json has it."""
        return {
            "aggregator": self.aggregator_name,
            "options": self.aggregator_options,
            "sharpness": self.preset_name,
            "fields": self.preset_fields,
            "networks": self.networks,
            "optimizer": self.optimizer_text,
        }

    @property
    def optimizer_text(self) -> str:
        """Its own optimiser with its options, and its own learning rate; "" where it has the dataset's."""
        return ", ".join(filter(None, (str(self.optimizer or ""), f"lr {self.lr:g}" if self.lr else "")))

    # Either is a name or a mapping with it; here apart, the name and what else the mapping has.

    @property
    def aggregator_name(self) -> str:
        return _named(self.aggregator, "name")[0]

    @property
    def aggregator_options(self) -> dict[str, Any]:
        return _named(self.aggregator, "name")[1]

    @property
    def preset_name(self) -> str:
        return _named(self.sharpness, "preset")[0]

    @property
    def preset_fields(self) -> dict[str, Any]:
        return _named(self.sharpness, "preset")[1]


def _named(value: Named, key: str) -> tuple[str, dict[str, Any]]:
    """A name with its options, from either spelling."""
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict) or not isinstance(value.get(key), str):
        raise ValueError(f"must be a name, or a mapping with the key {key!r}")
    return value[key], {k: v for k, v in value.items() if k != key}


def _check_types(given: Mapping[str, Any], takes: Callable[..., object]) -> None:
    """Refuse options of other types than a constructor's arguments; the constructor itself refuses unknown ones."""
    hints = typing.get_type_hints(takes.__init__ if inspect.isclass(takes) else takes)
    kinds: dict[str, Any] = {name: (hints[name], ...) for name in given if name in hints}
    strict = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    create_model("Options", __config__=strict, **kinds).model_validate({name: given[name] for name in kinds})
