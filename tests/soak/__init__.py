"""Random kills under the load of a fleet: from one seed a plan, from the plan a run, at its end the invariants."""
