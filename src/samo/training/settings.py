"""The base of every block of params.yaml: frozen, strict, and no unknown keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

LARGEST = 2**31 - 1
"""No count, size or seed is larger: beyond it libraries fail late, and each in its own words."""


class Settings(BaseModel):
    """A block of settings. An unknown key, a wrong type or a value out of range is refused, never coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _within_reach(cls, value: Any) -> Any:
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int) and number > LARGEST:
                raise ValueError(f"must be at most {LARGEST}")
        return value


class Training(Settings):
    """How long and how a network of a dataset is trained; the same for every method on that dataset.

    Attributes:
        batch: examples a step.
        epochs: passes over the training split of a final run.
        search_epochs: passes of one trial of the search for the learning rate and rho.
        schedule: of the learning rate: "constant"; "onecycle" (up over a tenth of the steps, then down to zero along a
            cosine; its peak is what the search chooses); "step" (times `step_factor` every `step_epochs`); "multistep"
            (times `milestone_factor` after each of the epochs in `milestones`, which ascend); "plateau" (times
            `plateau_factor` after `patience` epochs without a better validation score, down to `min_lr`).
        optimizer: "adam" (with torch's betas), or "sgd" with `momentum`.
        weight_decay: the optimiser's L2 penalty.
        clip: largest norm of the trunk's gradient, as in the papers; None leaves it as it is.
        reported: which epoch's test values count: the "last", the "best" by validation score, or the mean over the
            last `last_epochs` ("mean-of-last"). Test values decide none of them.
        conflict_batches: mini-batches an epoch of a final run on which the conflict of task gradients is looked at
            before the step, the same steps for every method; 0 looks at none. It changes no result.
    """

    batch: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    search_epochs: Annotated[int, Field(ge=1)]
    schedule: Literal["constant", "onecycle", "step", "multistep", "plateau"] = "constant"
    step_epochs: Annotated[int, Field(ge=1)] = 100
    step_factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    milestones: list[Annotated[int, Field(ge=1)]] = Field(default_factory=list, validate_default=True)
    milestone_factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.7
    patience: Annotated[int, Field(ge=0)] = 5
    min_lr: Annotated[float, Field(ge=0)] = 1e-5
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] | None = None
    reported: Literal["last", "best", "mean-of-last"] = "last"
    last_epochs: Annotated[int, Field(ge=1)] = 10
    conflict_batches: Annotated[int, Field(ge=0)] = 0

    @field_validator("milestones")
    @classmethod
    def _of_multistep(cls, milestones: list[int], info: ValidationInfo) -> list[int]:
        if sorted(set(milestones)) != milestones:
            raise ValueError("must be ascending, each epoch once")
        schedule = info.data.get("schedule")
        if schedule == "multistep" and not milestones:
            raise ValueError("schedule multistep needs at least one epoch")
        if schedule not in {"multistep", None} and milestones:
            raise ValueError(f"allowed with schedule multistep only, here it is {schedule}")
        return milestones

    @field_validator("momentum")
    @classmethod
    def _of_sgd(cls, momentum: float, info: ValidationInfo) -> float:
        if momentum and info.data.get("optimizer") == "adam":
            raise ValueError("allowed with optimizer sgd only, here it is adam")
        return momentum
