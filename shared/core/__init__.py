"""Decisions as values. Standard library only: no clock, no environment, no I/O, no logging."""
