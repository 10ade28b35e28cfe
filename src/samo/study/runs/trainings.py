"""The single trainings of a condition: which there are, from where each goes on, and how far the condition is."""

from collections.abc import Callable
from functools import partial

from samo.optim import sharpness
from samo.study import config, progress, store
from samo.study.config.conditions import Condition
from samo.study.config.method import Method
from samo.study.runs import checkpoint
from samo.study.runs.place import Place
from samo.training import search
from samo.training.evaluation import values_of
from samo.training.loop import DivergedError, Fit, Progress, Recipe, fit
from samo.training.problem import Problem
from samo.training.settings import Training
from samo.training.state import State, StateError


class Watch:
    """Turns the progress of single trainings into the share of the condition's whole work."""

    def __init__(self, condition: Condition, params: config.Params, method: Method) -> None:
        training = params.datasets[condition.dataset].training
        self.condition = condition
        finals = len(params.seeds_on(condition.dataset)) * training.epochs
        self.work = search.count(config.grids(params, condition.dataset, method)) * training.search_epochs + finals
        self.behind, self.label, self.epochs = 0, "", 0

    def phase(self, label: str, epochs: int) -> None:
        """The next training, of so many epochs."""
        self.behind += self.epochs
        self.label, self.epochs = label, epochs
        self(Progress(0, epochs, 0.0, float("nan")))

    def __call__(self, event: Progress) -> None:
        """A training's own progress."""
        done = (self.behind + event.done * self.epochs) / self.work
        progress.report(
            condition=self.condition.name,
            phase=self.label,
            epoch=event.epoch,
            epochs=event.epochs,
            done=round(done, 4),
            loss=store.rounded(event.loss),
        )


def search_condition(
    problem: Problem,
    training: Training,
    method: Method,
    grids: search.Grids,
    seed: int,
    place: Place,
    watch: Watch,
    kept: checkpoint.Checkpoints,
) -> tuple[list[search.Trial], search.Trial]:
    """All trials and the one chosen; trials whose scores were kept are not run again."""
    total, made = search.count(grids), 0
    scores: list[float] = kept.read("search") or []

    def score(trial: search.Trial) -> float:
        nonlocal made
        made += 1
        watch.phase(f"search {made}/{total}", training.search_epochs)
        if made <= len(scores):
            return scores[made - 1]
        recipe = recipe_of(method, training, trial, training.search_epochs, seed, place)
        train = partial(fit, problem, recipe, ("val",), every_epoch=False, on_progress=watch)
        scores.append(_validation_score(problem, partial(go_on, kept, f"search-{made}", train)))
        if kept.write("search", lambda: scores):
            for number in range(1, made + 1):
                kept.drop(f"search-{number}")
        return scores[-1]

    return search.search(score, grids)


def _validation_score(problem: Problem, train: Callable[[], Fit]) -> float:
    """What a choice goes by; minus infinity where training diverged. Test data are not in reach here."""
    try:
        run = train()
    except DivergedError:
        return float("-inf")
    return problem.score(values_of(run.history, "val"))


def go_on(kept: checkpoint.Checkpoints, name: str, train: Callable[..., Fit]) -> Fit:
    """A training from its last checkpoint, or from its beginning."""

    def keep(make: Callable[[], State]) -> None:
        kept.write(name, make)

    state = kept.read(name)
    try:
        return train(resume=state, keep=keep)
    except StateError as error:
        kept.refuse(name, str(error))
        return train(keep=keep)


def recipe_of(method: Method, training: Training, trial: search.Trial, epochs: int, seed: int, place: Place) -> Recipe:
    """What one training of a method is, with what a trial chose."""
    return Recipe(
        aggregator=method.aggregator_name,
        options=method.aggregator_options,
        sharpness=sharpness.preset(method.preset_name, **trial.fields(method.preset_fields)),
        separate=method.networks == "separate",
        lr=trial.lr,
        epochs=epochs,
        training=training,
        seed=seed,
        device=place.device,
        group=place.ranks.group,
        sync_batchnorm=place.sync_batchnorm,
    )
