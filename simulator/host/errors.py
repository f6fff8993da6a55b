"""What the host refuses, in words meant for the person who wrote the app."""


class AppRefused(Exception):
    """The app cannot be run; the real host or worker would not run it either."""
