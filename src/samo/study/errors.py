"""Faults that a person can mend; the command line tells them in one line each."""


class ConfigError(Exception):
    """What is wrong with params.yaml: one line a fault, each with key, value and what is allowed."""


class FetchError(Exception):
    """No source gave the published bytes. The message says what to put where."""


class NotebookError(Exception):
    """A notebook that cannot be run as asked, or a cell of it that failed."""


class RankError(Exception):
    """A process of a cell that several train together ended before its time; the message says which, and of what."""


class WriteError(OSError):
    """A file cannot be written: no room, or no right to. It names the file; what was there stays."""
