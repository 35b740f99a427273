"""The demo: starts the service on one machine, fills it with five hospitals and plays the night story.

Invariant: it reaches the running service through its public API alone, as everybody does.
"""
