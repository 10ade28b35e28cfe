"""`python -m samo.study`: the command line, for a clone that must run its own code."""

import sys

from samo.study import warm

if (code := warm.ask("command", sys.argv[1:])) is not None:
    sys.exit(code)

from samo.study.cli import main

main()
