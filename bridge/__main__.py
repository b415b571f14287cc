"""`python -m bridge` is `bootstrap-bridge`."""

from bridge.cli import main

main()
