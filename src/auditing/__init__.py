"""Is a data set fit to learn from? Facts about its files, copies, groups and shortcuts."""
