import pandas as pd
import pytest

from samo.study.errors import NotebookError
from samo.study.notebooks.landscape_stage import write_landscape
from samo.study.runs.cell import train_cell

PROFILE = "landscape: {points: 5, grid: 3, examples: 20, aggregators: [ls]}"


def test_lines_and_planes_of_the_methods_chosen(study):
    for method in ("ls", "samo-ls"):
        train_cell("multimnist", method)
    table = write_landscape("multimnist")
    assert list(dict.fromkeys(table["method"])) == ["ls", "samo-ls"]
    written = pd.read_csv(study / "data/analysis/multimnist/landscape.csv")
    assert list(written.columns) == ["method", "seed", "task", "x", "y", "loss"]
    assert written.groupby(["method", "task"]).size().tolist() == [11] * 4
    assert set(written["seed"]) == {0}
    # The solution's own loss is that of the examples, whatever the direction; around it, it is another.
    for _, part in table.groupby(["method", "task"]):
        centre = part.loc[(part["x"] == 0) & (part["y"] == 0), "loss"]
        assert len(centre) == 1
        assert (part["loss"] != centre.iloc[0]).sum() == 10

    before = (study / "data/analysis/multimnist/landscape.csv").read_bytes()
    write_landscape("multimnist")
    assert (study / "data/analysis/multimnist/landscape.csv").read_bytes() == before


def test_every_seed_asked_for_and_no_plane_where_none_is(study):
    train_cell("multimnist", "ls")
    params = study / "params.yaml"
    text = params.read_text()
    assert PROFILE in text
    params.write_text(text.replace(PROFILE, "landscape: {points: 3, seeds: 2, sharpness: [none], plane: []}"))
    table = write_landscape("multimnist")
    assert set(table["method"]) == {"ls"}
    assert set(table["seed"]) == {0, 1}
    assert not table["y"].any()


def test_cells_that_have_not_been_run_are_named(study):
    with pytest.raises(NotebookError, match=r"dvc repro train@multimnist-ls"):
        write_landscape("multimnist")


def test_a_dataset_with_none_of_the_methods_gives_an_empty_table(study):
    params = study / "params.yaml"
    params.write_text(params.read_text().replace(PROFILE, "landscape: {sharpness: [lookback]}"))
    assert write_landscape("multimnist").empty
    assert (study / "data/analysis/multimnist/landscape.csv").read_text() == "method,seed,task,x,y,loss\n"
