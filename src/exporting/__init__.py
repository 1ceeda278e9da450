"""Files for other runtimes: written, quantised, and held against Keras."""
