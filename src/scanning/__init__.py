"""Judging more images than fit one sitting: a table in parts, by one process or a cluster."""
