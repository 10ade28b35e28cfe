import pytest
import torch
from safetensors.torch import load_file, save_file

from samo.study import config
from samo.study.config.conditions import Condition
from samo.study.errors import NotebookError
from samo.study.runs import trained
from samo.study.runs.condition import train_condition
from samo.training.evaluation import evaluate


@pytest.mark.parametrize("method", ["stl", "ls"])
def test_a_trained_network_gives_the_values_that_were_reported(study, method):
    result = train_condition("multimnist", method)
    params, cell = config.load(), Condition("multimnist", method)
    problem = trained.problem(study, params, "multimnist")
    network = trained.network(study, params, cell, 1, problem)
    assert not network.training
    values = evaluate(problem, network, "test", torch.device("cpu"))
    for task, by_name in result.metrics["updates"]["20"]["seeds"]["1"].items():
        assert values[task]["accuracy"] == pytest.approx(by_name["accuracy"])
    path = study / cell.weights(20, 1)
    weights = load_file(path)
    weights.pop(next(iter(weights)))
    save_file(weights, path)
    with pytest.raises(NotebookError, match="another network"):
        trained.network(study, params, cell, 1, problem)


def test_a_condition_that_has_not_run_is_said_and_with_none_at_all_it_is_an_error(study, capsys):
    setting = trained.setting("multimnist", "curvature")
    assert list(setting.methods) == ["ls", "samo-ls", "fmtl-fairgrad"]
    (study / "data/models/multimnist/samo-ls").mkdir(parents=True)
    with pytest.raises(NotebookError, match=r"samo-ls/20-0\.safetensors.*dvc repro train@multimnist-samo-ls"):
        next(setting.networks(1))
    said = [f"without multimnist/{name}: it has not run" for name in ("ls", "fmtl-fairgrad")]
    assert capsys.readouterr().out.splitlines() == said
    assert list(trained.setting("multimnist", "probe").methods) == ["samo-ls"]  # those that its options choose
