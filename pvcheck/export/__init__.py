"""Models of other checkers, written from ours: the same states, steps and properties."""
