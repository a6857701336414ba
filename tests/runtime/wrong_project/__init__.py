"""A package of declarations with a mistake in it."""

raise TypeError("told to be wrong")
