"""A package of declarations whose import fails."""

raise RuntimeError("told to break")
