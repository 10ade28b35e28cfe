"""The command line as a person meets it on a terminal: two bars at once, Ctrl-C, and how it goes on."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

from tests.study.project import Project

CODE = (
    "import sys; from pathlib import Path; from samo.study.grid import pipeline;"
    "sys.exit(pipeline.repro(Path(sys.argv[1]), 2, lambda _: 1.0, quiet='--quiet' in sys.argv))"
)
FRAME = re.compile(r"all stages .*1 done, 2 running, 1 waiting.*(\ntrain@one-[ab] .*loss 0\.250){2}")


class Terminal:
    """A process in a pseudo-terminal of 100 columns, and all that it wrote there, less colours and movements."""

    def __init__(self, *command: str) -> None:
        self.own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        # The terminal becomes the process's own, so that a Ctrl-C typed there is its to answer.
        self.process = subprocess.Popen(
            command,
            stdin=other,
            stdout=other,
            stderr=other,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other)
        self.raw = ""

    def read(self) -> bool:
        """What is written next; false where the other side is closed."""
        try:
            self.raw += os.read(self.own, 1 << 16).decode(errors="replace")
        except OSError:
            return False
        return True

    def text(self) -> str:
        plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", self.raw).replace("\r", "\n")
        return re.sub(r" *\n+", "\n", plain)

    def end(self) -> int:
        while self.read():
            pass
        os.close(self.own)
        return self.process.wait(60)


def test_two_bars_at_once_and_ctrl_c_says_how_to_go_on(project: Project) -> None:
    project.edit("rho: 1", "seconds: 60")
    project.edit("rho: 2", "seconds: 60")
    project.edit("  c: {rho: 3}\n", "")
    terminal = Terminal(sys.executable, "-c", CODE, str(project.root))
    deadline = time.monotonic() + 300
    while not FRAME.search(terminal.text()):
        assert terminal.read(), terminal.text()
        assert time.monotonic() < deadline, terminal.text()[-500:]
    assert "\ndone fetch@one  " in terminal.text()

    os.write(terminal.own, b"\x03")
    assert terminal.end() == 130
    said = terminal.text().strip().splitlines()
    assert said[-1] == "stopped; what is done is kept, and the same command (`make repro`) goes on from there"
    assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")  # the cursor is there again
    assert not project.processes()
    assert not project.clones()

    project.ran()
    project.edit("seconds: 60", "rho: 4")
    command = [sys.executable, "-c", CODE, str(project.root)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
    # Elsewhere than on a terminal: plain lines; and what was done before is not done again.
    assert not {"\x1b", "\r"} & set(done.stdout)
    assert re.search(r"^start train@one-a$", done.stdout, re.MULTILINE)
    assert project.ran() == ["tables", "train-a", "train-b"]

    quiet = Terminal(*command, "--quiet")
    assert quiet.end() == 0
    assert quiet.text().strip() == ""
