"""A process in a terminal of its own, and what would be seen there: as much of a terminal as rich needs."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

ESCAPE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")


class Screen:
    """Lines of text that are written to, moved over and cleared."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = self.column = 0
        self.cursor = True

    def write(self, text: str) -> None:
        at = 0
        while at < len(text):
            if found := ESCAPE.match(text, at):
                self._command(*found.groups())
                at = found.end()
                continue
            self._put(text[at])
            at += 1

    def _put(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.row += 1
            self.lines += [""] * (self.row + 1 - len(self.lines))
        else:
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1

    def _command(self, number: str, letter: str) -> None:
        if letter == "A":
            self.row -= int(number or 1)
        elif letter == "K":
            self.lines[self.row] = "" if number == "2" else self.lines[self.row][: self.column]
        elif number == "?25":
            self.cursor = letter == "h"
        else:
            assert letter == "m", f"the terminal of the tests does not know ESC[{number}{letter}"

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).strip("\n")


class Terminal:
    """A process in a pseudo-terminal of 100 columns."""

    def __init__(self, command: Sequence[str]) -> None:
        self.screen = Screen()
        self.seen: list[str] = []
        """What the screen showed, whenever it changed."""
        self._own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
        # The terminal becomes the process's own, so that a Ctrl-C typed there is its to answer.
        self.process = subprocess.Popen(
            command,
            stdin=other,
            stdout=other,
            stderr=other,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other)

    def until(self, condition: Callable[[str], bool], seconds: float = 60) -> None:
        """Read until the screen shows what is waited for."""
        deadline = time.monotonic() + seconds
        while not condition(self.screen.text()):
            assert time.monotonic() < deadline, self.screen.text()
            if not self._read():
                assert condition(self.screen.text()), self.screen.text()

    def type(self, letters: bytes) -> None:
        os.write(self._own, letters)

    def end(self) -> int:
        """Read to the end; the exit status."""
        while self._read():
            pass
        os.close(self._own)
        return self.process.wait(30)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._own], [], [], 0.5)
        if not ready:
            return True
        try:
            data = os.read(self._own, 1 << 16)
        except OSError:  # the other side is closed
            return False
        self.screen.write(data.decode(errors="replace"))
        self.seen.append(self.screen.text())
        return bool(data)
