"""The parts of pages that are components of their own in the browser, each a file of JavaScript."""
