"""The command line as a person meets it: two bars at once, and Ctrl-C."""

import re
import subprocess
import sys

from tests.study.grid.screen import Terminal
from tests.study.project import Project

CODE = (
    "import sys; from pathlib import Path; from samo.study.grid import pipeline;"
    "sys.exit(pipeline.repro(Path(sys.argv[1]), 2, lambda _: 1.0, quiet='--quiet' in sys.argv))"
)
BAR = re.compile(r"train@one-([ab])  (?:(?:epoch 1/2, loss 0\.250\s+\S+\s+50%)?\s+)\d+ s")
LINE = re.compile(r"|done \S+  \d+ s|(fetch|train|tables)\S*\s[^@]*\d+ s|[ ━╸╺]*\d+ done, \d+ running, \d+ waiting.*")
"""Everything that a line on the screen may be."""


def slow(project: Project, seconds: int) -> None:
    project.edit("rho: 1", f"seconds: {seconds}")
    project.edit("rho: 2", f"seconds: {seconds}")


def both_run(text: str) -> bool:
    bars = [found[1] for line in text.splitlines() if (found := BAR.fullmatch(line))]
    return sorted(bars) == ["a", "b"] and text.count("loss 0.250") == 2 and "1 done, 2 running, 1 waiting" in text


def test_two_bars_at_once_and_ctrl_c_says_how_to_go_on(project: Project) -> None:
    slow(project, 60)
    project.edit("  c: {rho: 3}\n", "")
    terminal = Terminal([sys.executable, "-c", CODE, str(project.root)])
    terminal.until(both_run)  # and all of it at once: a look may fall into the middle of a frame
    assert terminal.screen.text().splitlines()[0].startswith("done fetch@one")
    assert not terminal.screen.cursor

    terminal.type(b"\x03")
    assert terminal.end() == 130
    said = terminal.screen.text().splitlines()
    assert said[-1] == "stopped; what is done is kept, and the same command (`make repro`) goes on from there"
    # The bars are gone; what was done is said, and nothing else.
    assert [line.split()[0] for line in said if line] == ["done", "stopped;"]
    assert terminal.screen.cursor
    assert not project.processes()
    assert not project.clones()

    project.ran()
    project.edit("seconds: 60", "rho: 4")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(project.root)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    # Elsewhere than on a terminal: plain lines; and what was done before is not done again.
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert re.search(r"^start train@one-a$", done.stdout, re.MULTILINE)
    assert project.ran() == ["tables", "train-a", "train-b"]


def test_no_frame_mixes_two_lines(project: Project) -> None:
    slow(project, 1)
    terminal = Terminal([sys.executable, "-c", CODE, str(project.root)])
    assert terminal.end() == 0
    assert len(terminal.seen) > 5
    # A terminal is read in the middle of a frame, too: what is half written is the end of the last line.
    for text in terminal.seen:
        for line in text.splitlines()[:-1]:
            assert LINE.fullmatch(line), line
    assert [line.split()[0] for line in terminal.screen.text().splitlines()] == ["done"] * 5
    quiet = Terminal([sys.executable, "-c", CODE, str(project.root), "--quiet"])
    assert quiet.end() == 0
    assert quiet.screen.text() == ""
