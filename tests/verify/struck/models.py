"""No declarations, so that model processes import nothing when they start."""
