"""Evidence of a build: what it was, what it made, what is inside."""
