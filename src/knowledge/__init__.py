"""Short notes on research, one claim each in our own words, with its source: data, no code."""
