"""From folders of image files to the pixels that the detector sees."""
