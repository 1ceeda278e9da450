"""Results as numbers and pictures."""
