"""The contract suite: every kind of model the engine runs, tiny, on what its library answers.

`python -m tests.zoo` runs it and writes what works into `docs/models/`.
"""
