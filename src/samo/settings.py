"""The base of every block of params.yaml: frozen, strict, and no unknown keys."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A block of settings. An unknown key, a wrong type or a value out of range is refused, never coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Training(Settings):
    """How long and how a network of a dataset is trained; the same for every method on that dataset.

    Attributes:
        batch: examples a step.
        epochs: passes over the training split of a final run.
        search_epochs: passes of one trial of the search for the learning rate and rho.
        schedule: of the learning rate: "constant", or "onecycle" (up over a tenth of the steps, then down to zero
            along a cosine), whose peak is the learning rate that the search chooses.
        clip: largest norm of the trunk's gradient, as in the papers; None leaves it as it is.
    """

    batch: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    search_epochs: Annotated[int, Field(ge=1)]
    schedule: Literal["constant", "onecycle"] = "constant"
    clip: Annotated[float, Field(gt=0)] | None = None
