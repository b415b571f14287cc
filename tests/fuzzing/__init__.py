"""Inputs that are kept and made, and what is promised about each of them."""
