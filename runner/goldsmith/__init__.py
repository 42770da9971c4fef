"""Goldsmith: golden images from one short spec, built by plain Ansible."""

__version__ = "0.1.0"
