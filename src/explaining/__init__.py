"""What a verdict is explained with: notes that can be cited, and the search for those that fit."""
