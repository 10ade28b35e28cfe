"""`python -m samo.study`: the command line, for a clone that must run its own code."""

from samo.study.cli import main

main()
