"""The report in a real browser: what a reader meets who opens it from disk, on any screen, with or without a mouse."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser import chromium
from tests.study.report import made_report

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def path(made_page: tuple[Any, Path]) -> Path:
    return made_page[1]


class Opened:
    """The page in a tab, and what the browser said and asked for since."""

    def __init__(self, browser: Any, path: Path, scheme: str = "light", width: int = 1200) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.tab = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(path.as_uri())


@pytest.fixture(scope="module")
def wide(browser, path):
    return Opened(browser, path)


@pytest.fixture(scope="module")
def narrow(browser, path):
    return Opened(browser, path, "dark", width=400)


def values(tab, column):
    """The sort keys of a column of the main table, from top to bottom."""
    script = "(c) => [...document.querySelectorAll('#multimnist-main tbody tr')].map((r) => r.cells[c].dataset.sort)"
    return [float(value) for value in tab.evaluate(script, column) if value is not None]


def test_it_opens_without_a_complaint_and_without_the_network(wide, narrow):
    for opened in (wide, narrow):
        assert opened.said == []
        assert opened.asked
        assert {urlsplit(url).scheme for url in opened.asked} <= {"file", "data"}


def test_every_link_and_picture_leads_somewhere(wide, path):
    every = "[...document.querySelectorAll('[href], [src]')]"
    links = wide.tab.evaluate(f"() => {every}.map((e) => e.getAttribute('href') ?? e.getAttribute('src'))")
    assert len(links) > 60
    for link in links:
        if link.startswith("#"):
            assert wide.tab.evaluate("(id) => document.getElementById(id) !== null", link[1:]), link
        elif not link.startswith("data:"):
            assert urlsplit(link).scheme == ""
            assert (path.parent / unquote(link)).resolve().is_file(), link


def test_numbers_of_a_figure_are_saved_by_one_click(wide, path):
    with wide.tab.expect_download() as waiting:
        wide.tab.click("#multimnist-forest a[download]")
    assert waiting.value.suggested_filename == "multimnist-forest.csv"
    numbers = path.parents[1] / "figures/multimnist-forest.csv"
    assert Path(waiting.value.path()).read_bytes() == numbers.read_bytes()
    link = wide.tab.get_attribute("#multimnist-forest a[download]", "href")
    assert base64.b64decode(link.partition("base64,")[2]) == numbers.read_bytes()


def test_a_click_sorts_and_another_turns_it_round(wide):
    head = wide.tab.locator("#multimnist-main thead th").nth(1)
    for order, way in (("ascending", 1), ("descending", -1)):
        head.locator("button").click()
        found = values(wide.tab, 1)
        assert len(set(found)) == len(made_report.METHODS)
        assert found == sorted(found, key=lambda value: way * value)
        assert head.get_attribute("aria-sort") == order


def test_words_filter_a_long_table(wide):
    wide.tab.evaluate("() => document.querySelectorAll('main details').forEach((fold) => { fold.open = true; })")
    field = wide.tab.get_by_label("Filter rows").last
    rows = wide.tab.locator("#notebooks tbody tr")
    all_rows = rows.count()
    field.fill("train samo-LS")
    left = [row.inner_text() for row in rows.all() if row.is_visible()]
    assert len(left) == 1
    assert "train@multimnist-samo-ls" in left[0]
    assert wide.tab.get_by_role("status").last.inner_text().strip() == f"1 of {all_rows}"
    field.fill("")
    assert all(row.is_visible() for row in rows.all())


def test_keys_alone_reach_the_text_and_sort(browser, path):
    tab = Opened(browser, path).tab
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#main")
    tab.locator("#multimnist-main thead button").nth(1).focus()
    tab.keyboard.press("Enter")
    assert values(tab, 1) == sorted(values(tab, 1))


def test_dark_follows_the_reader_and_the_switch(browser, path):
    tab = Opened(browser, path, "dark").tab
    paper = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(tab.evaluate(paper)) < 60
    tab.click("#theme")
    assert min(tab.evaluate(paper)) > 200


def test_a_telephone_needs_no_scrolling_sideways_and_paper_shows_the_text_alone(narrow):
    assert narrow.tab.evaluate("() => document.documentElement.scrollWidth") <= 400
    narrow.tab.emulate_media(media="print")
    for name in ("nav", "#theme", ".filter"):
        assert not narrow.tab.locator(name).first.is_visible()
    assert narrow.tab.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    narrow.tab.emulate_media(media="screen", color_scheme="dark")


def test_formulas_are_drawn_by_the_browser_itself(wide):
    every = "[...document.querySelectorAll('math')]"
    heights = wide.tab.evaluate(f"() => {every}.map((m) => m.getBoundingClientRect().height)")
    assert len(heights) > 8
    assert min(heights) > 5
    assert max(heights) > 30  # a fraction stands above its line


@pytest.mark.parametrize("screen", ["wide", "narrow"])
def test_contrast_names_and_words_for_pictures_are_as_axe_core_wants_them(screen, request):
    """Light and wide, dark and narrow."""
    results = axe.Axe().run(request.getfixturevalue(screen).tab)
    assert results.response["passes"]
    assert results.violations_count == 0, results.generate_report()
