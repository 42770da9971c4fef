"""OpenSCAP and lynis as judges of a container: how they get there, and what they say."""
