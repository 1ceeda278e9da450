"""Are the heatmaps about the image, about what was learnt, and about the fake?"""
