"""Thin triggers: parse, call one function of `shared`, shape the answer. They never call Resource Manager."""
