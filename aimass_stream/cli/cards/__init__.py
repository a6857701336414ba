"""`aimass models`: the registry's models, on a screen or as JSON."""
