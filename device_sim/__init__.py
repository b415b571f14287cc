"""A simulated device and fleets of them, written from the wire contract alone."""
