"""The blocks that params.yaml is made of, but for a method's own; each is checked by itself."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator

from samo.study.config.method import Method, Positive
from samo.training.settings import Settings, Training

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]


def _each_once(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("must hold each value once")
    return values


Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1), AfterValidator(_each_once)]


class Grid(Settings):
    """What every method's search tries, in the same order; see `samo.training.search`.

    Attributes:
        lr: learning rates, ascending.
        rho: radii, ascending, for the methods that have one.
        alpha: shares of the global part, ascending, for the methods that have two parts; none leaves alpha as it is.
    """

    lr: Annotated[list[Positive], Field(min_length=1)]
    rho: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]
    alpha: list[Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=list)

    @field_validator("lr", "rho", "alpha")
    @classmethod
    def _ascending(cls, values: list[float]) -> list[float]:
        if sorted(set(values)) != values:
            raise ValueError("must be ascending, each value once")
        return values


class Train(Settings):
    """How every cell runs.

    Attributes:
        threads: of torch, fixed so that results do not depend on how many cells run at once.
        device: "cpu", "cuda", "cuda:1", "mps" …, or "auto": the accelerator where there is one.
        processes: that train together, each on an equal share of every batch: on a GPU of its own with device "cuda",
            and with "auto" where there is CUDA; else on the CPU, `threads` each.
        sync_batchnorm: whether BatchNorm then normalises by the whole batch. It does by default, so that a cell comes
            out the same, up to rounding, however many processes make it; without, each goes by its own share, which
            sends less. Of one process nothing depends on it.
        search: the grids, where a dataset's block has none of its own.
    """

    threads: Annotated[int, Field(ge=1, le=256)] = 1
    device: Annotated[str, Field(pattern=r"^(auto|[a-z]+(:[0-9]+)?)$")] = "auto"
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    sync_batchnorm: bool = True
    search: Grid

    @field_validator("device")
    @classmethod
    def _a_kind_of_device(cls, name: str) -> str:
        import torch

        try:
            return name if name == "auto" else str(torch.device(name))
        except RuntimeError as error:
            raise ValueError(f"no kind of device that torch knows ({str(error).splitlines()[0][:100]})") from None

    @field_validator("processes")
    @classmethod
    def _each_its_own_device(cls, processes: int, info: ValidationInfo) -> int:
        device = info.data.get("device", "auto")
        if processes > 1 and device not in {"auto", "cpu", "cuda"}:
            raise ValueError(f"each takes a GPU of its own, so train.device must be auto, cuda or cpu, not {device}")
        return processes

    def check_batch(self, dataset: str, batch: int) -> None:
        """Raise a ValueError where a dataset's batch cannot be shared out: unequal shares make no mean of the batch."""
        if batch % self.processes:
            raise ValueError(
                f"datasets.{dataset}.training.batch = {batch}: must divide by train.processes = {self.processes}, "
                "each of which takes an equal share"
            )


class More(Settings):
    """Methods for some datasets only; those under `methods` run on every one.

    Attributes:
        datasets: keys of the profile's datasets.
        methods: key = a name of your own that stands nowhere else.
    """

    datasets: Annotated[list[Name], AfterValidator(_each_once)]
    methods: dict[Name, Method]


class Cluster(Settings):
    """What a cell asks for on a cluster (`samo grid --ray`). No stage depends on it: results do not.

    Attributes:
        cpus: cores of each worker; several workers share one where it is below 1.
        gpus: the same of GPUs; above 1 only whole ones.
    """

    cpus: Annotated[float, Field(gt=0, le=256)] = 1
    gpus: Annotated[float, Field(ge=0, le=16)] = 0

    @field_validator("cpus", "gpus")
    @classmethod
    def _whole(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("must be a whole number where it is above 1")
        return value


class DatasetBlock(BaseModel):
    """The block of one dataset; `data` and `training` are checked by its module's own settings.

    Attributes:
        data: how the examples are made.
        training: how networks are trained on them.
        seeds: of its final runs, where they are not those of the profile.
        search: its own grids, the same for every method on it.
    """

    model_config = {"frozen": True, "extra": "forbid"}
    data: Settings
    training: Training
    seeds: Seeds | None = None
    search: Grid | None = None
