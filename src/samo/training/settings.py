"""The base of every block of params.yaml: frozen, strict, and no unknown keys; and the block `training`."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

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


def _ascending(values: list[Any]) -> list[Any]:
    if sorted(set(values)) != values:
        raise ValueError("must be ascending, each value once")
    return values


Ascending = AfterValidator(_ascending)
Count = Annotated[int, Field(ge=1)]
Updates = Annotated[list[Count], Field(min_length=1), Ascending]
"""Numbers of updates, ascending."""


OneOrMore = Annotated[
    Annotated[Count, Tag("int")] | Annotated[Updates, Tag("list")],
    Discriminator(lambda given: "list" if isinstance(given, list) else "int"),
]


class Named(Settings):
    """An optimiser and its options.

    Attributes:
        name: "adam" or "nadam" (with torch's betas), or "sgd".
        momentum: of SGD.
        nesterov: whether SGD's momentum looks ahead.
        momentum_decay: of NAdam; 0 keeps its momentum as it is.
    """

    name: Literal["adam", "nadam", "sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False
    momentum_decay: Annotated[float, Field(ge=0, lt=1)] = 0.004

    @field_validator("momentum", "nesterov", "momentum_decay")
    @classmethod
    def _of_its_kind(cls, value: float, info: ValidationInfo) -> float:
        kind = "nadam" if info.field_name == "momentum_decay" else "sgd"
        if value and info.data.get("name", kind) != kind:
            raise ValueError(f"allowed with optimizer {kind} only, here it is {info.data['name']}")
        if info.field_name == "nesterov" and value and not info.data.get("momentum", 1):
            raise ValueError("needs a momentum above 0")
        return value

    def __str__(self) -> str:
        """Its name, with the options given: "sgd momentum=0.9"."""
        given = self.model_dump(exclude_unset=True, exclude={"name"})
        return " ".join([self.name, *(f"{key}={value}" for key, value in given.items())])


Optimizer = Annotated[Named, BeforeValidator(lambda given: {"name": given} if isinstance(given, str) else given)]
"""A name, or a mapping with the name and options."""


class Training(Settings):
    """How a network of a dataset is trained; the same for every method on that dataset. Time is counted in updates.

    Attributes:
        batch: examples per update.
        evaluations: of a final run: a number of them, evenly spaced, the last at its end; or a list of updates after
            which to evaluate (those that the run reaches), besides at its end.
        schedule: of the learning rate: "constant"; "onecycle" (up over a tenth of the updates, then down to zero along
            a cosine; its peak is what the search chooses); "step" (times `step_factor` every `step_updates`);
            "multistep" (times `milestone_factor` after each of the updates in `milestones`, which ascend); "plateau"
            (times `plateau_factor` after `patience` evaluations without a better validation score, down to `min_lr`).
        optimizer: where a method names none; see `Named`.
        weight_decay: the optimiser's L2 penalty.
        clip: largest norm of the trunk's gradient, as in the papers; None leaves it as it is.
        reported: which evaluation's test values count: the "last", the "best" by validation score, or the mean over
            the last `last_evaluations` ("mean-of-last"). Test values decide none of them.
        conflict_batches: mini-batches between two evaluations of a final run on which the conflict of task gradients is
            measured before the step, the same steps for every method; 0 measures none. It changes no result.
    """

    batch: Count
    evaluations: OneOrMore = 5
    schedule: Literal["constant", "onecycle", "step", "multistep", "plateau"] = "constant"
    step_updates: Count = 1000
    step_factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    milestones: Annotated[list[Count], Ascending] = Field(default_factory=list, validate_default=True)
    milestone_factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.7
    patience: Annotated[int, Field(ge=0)] = 5
    min_lr: Annotated[float, Field(ge=0)] = 1e-5
    optimizer: Optimizer = Named(name="adam")
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] | None = None
    reported: Literal["last", "best", "mean-of-last"] = "last"
    last_evaluations: Count = 10
    conflict_batches: Annotated[int, Field(ge=0)] = 0

    @field_validator("milestones")
    @classmethod
    def _of_multistep(cls, milestones: list[int], info: ValidationInfo) -> list[int]:
        schedule = info.data.get("schedule")
        if schedule == "multistep" and not milestones:
            raise ValueError("schedule multistep needs at least one")
        if schedule not in {"multistep", None} and milestones:
            raise ValueError(f"allowed with schedule multistep only, here it is {schedule}")
        return milestones

    def evaluated_at(self, updates: int) -> list[int]:
        """After which updates a run of so many is evaluated, ascending; the last is its end."""
        given = self.evaluations
        listed = given if isinstance(given, list) else [-(-updates * n // given) for n in range(1, given + 1)]
        return sorted({n for n in listed if n <= updates} | {updates})
