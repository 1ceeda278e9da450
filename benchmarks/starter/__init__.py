"""The detector that ships: how it is trained, and what it is worth on data that does not ship."""
