"""What is measured: speed as ratios, what is found, and what the starter is worth."""
