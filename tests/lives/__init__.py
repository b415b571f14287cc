"""Whole lives of a bridge against a plain model of the contract, with crashes between any two steps and repeats."""
