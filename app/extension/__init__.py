"""The browser extension: JavaScript, and what packs it with a bundle."""
