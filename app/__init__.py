"""The HTTP service, its web page and the browser extension. Empty until its own step."""
