"""MLflow's own pages in a real browser, on made runs: the view that opens, and four clicks to compare two methods."""

import pytest

from samo.study import config
from samo.study.tracking import mlflow_store, track
from samo.study.tracking.rebuild import rebuild
from tests.browser import chromium
from tests.study import made_runs
from tests.study.tracking.served import serving

# A server and a browser: about ten seconds.
pytestmark = pytest.mark.slow


def test_which_method_wins_and_four_clicks_to_compare_two(study, tmp_path):
    made_runs.make(study)
    with chromium() as browser:
        rebuild(study, config.load(), lambda _: None)
        command = ("mlflow", "ui", "--workers", "1", "--backend-store-uri", mlflow_store.uri(study))
        with serving(tmp_path / "ui.log", *command) as address:
            tab = browser.new_page(viewport={"width": 1500, "height": 1000})
            views = track.pages(study, config.load(), address)["multimnist"]

            tab.goto(views["methods"])
            rows = tab.locator(".ag-row[row-id^='tag.method.'][row-index]:has-text('Group')")
            rows.first.wait_for(timeout=60_000)
            tab.locator(".ag-header-cell", has_text="delta_m").first.wait_for()
            order = {row.get_attribute("row-index"): row.get_attribute("row-id") for row in rows.all()}
            # Folded to a row a method, the best first: Δm 0 by definition, 2.2 %, 5.5 %.
            assert [order[index] for index in "012"] == [f"tag.method.{m}" for m in ("stl", "samo-ls", "ls")]
            assert tab.get_by_text("samo-ls/0", exact=True).count() == 0

            tab.goto(views["seeds"])  # click 1: the address that `make ui` prints
            for method in ("samo-ls", "ls"):  # clicks 2 and 3
                tab.locator(f".ag-row[row-id='tag.method.{method}'] input[type=checkbox]").first.click()
            tab.get_by_role("button", name="Compare", exact=True).click()  # click 4
            tab.get_by_text("Comparing 4 Runs").first.wait_for(timeout=60_000)
            for name in ("samo-ls/0", "samo-ls/1", "ls/0", "ls/1", "delta_m"):
                tab.get_by_text(name, exact=True).first.wait_for()
