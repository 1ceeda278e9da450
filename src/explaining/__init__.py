"""What a verdict is explained with: measurements of the image, and notes that can be cited."""
