"""A small Azure on loopback, for people and tests that have no subscription. Never deployed.

Nothing in here may import the product (`shared`, `functions`): the simulator models what Azure is
documented or recorded to do, not what our code expects of it.
"""
