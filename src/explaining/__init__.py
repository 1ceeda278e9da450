"""What can be said of one image, measured, and looked up."""
