"""Training of the small models that the reference application and the demo use.

Nothing is downloaded: data comes with an installed library or from a folder of the user's.
"""
