"""A new project: the reference application and the files around it."""
