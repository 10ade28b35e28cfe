"""MLflow's own page in a real browser, on made runs: the address that `samo ui` prints selects and sorts them."""

import pytest

from samo.study import config
from samo.study.tracking import mlflow_store
from samo.study.tracking.rebuild import rebuild
from tests.browser import chromium
from tests.study import made_runs
from tests.study.tracking.served import serving

# A server and a browser: about ten seconds.
pytestmark = pytest.mark.slow


def test_which_method_wins_and_three_clicks_to_compare_two(study, tmp_path):
    made_runs.make(study)
    with chromium() as browser:
        rebuild(study, config.load(), lambda _: None)
        command = ("mlflow", "ui", "--workers", "1", "--backend-store-uri", mlflow_store.uri(study))
        with serving(tmp_path / "ui.log", *command) as address:
            tab = browser.new_page(viewport={"width": 1500, "height": 1000})
            tab.goto(mlflow_store.pages(study, ["multimnist"], address)["multimnist"])
            rows = tab.locator(".ag-pinned-left-cols-container .ag-row")
            rows.first.wait_for(timeout=60_000)
            # The best first: Δm 0 by definition, 2.2 %, 5.5 %.
            order = {row.get_attribute("row-index"): row.inner_text() for row in rows.all()}
            for index, run in zip("024", ("stl/", "samo-ls/", "ls/"), strict=True):
                assert run in order[index]
            for run in ("samo-ls/1", "ls/1"):  # clicks 1 and 2
                rows.filter(has=tab.get_by_text(run, exact=True)).locator("input[type=checkbox]").first.click()
            tab.get_by_role("button", name="Compare", exact=True).click()  # click 3
            tab.get_by_text("Comparing 2 Runs").first.wait_for(timeout=60_000)
            for name in ("samo-ls/1", "ls/1", "delta_m"):
                tab.get_by_text(name, exact=True).first.wait_for()
