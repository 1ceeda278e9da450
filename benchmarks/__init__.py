"""Speed against the plain Keras way, in one process, as ratios."""
