"""Faults that the user can fix; the command line tells each in one line."""


class ConfigError(Exception):
    """What is wrong with params.yaml: one line per fault, with key, value and what is allowed."""


class FetchError(Exception):
    """No source gave the published bytes. The message says what to put where."""


class NotebookError(Exception):
    """A notebook that cannot be run as asked, or a cell of it that failed."""


class PipelineError(Exception):
    """The pipeline cannot be read or is in use; the message is one line."""


class RankError(Exception):
    """One of several processes that train a condition together ended early; the message says which, and why."""


class WriteError(OSError):
    """A file cannot be written, for lack of room or permission. It names the file; what was there stays."""
