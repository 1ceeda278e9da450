"""What an evaluation measures beside the scores."""
