"""The verbs of the command line; never imported by the app."""
