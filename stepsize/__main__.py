"""`python -m stepsize` is the command `stepsize`."""

from stepsize.cli import main

main()
