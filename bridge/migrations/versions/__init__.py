"""Schema versions, applied at every start."""
