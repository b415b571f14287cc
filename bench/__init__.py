"""Measurements against the bars; run with `make bench`."""
