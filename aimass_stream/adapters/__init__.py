"""Model libraries behind one contract; a declaration here, its `Predictor` in a module of its own.

Declarations import no model library. The modules they name do, at their top, and are imported
in device processes only.
"""
