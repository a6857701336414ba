"""The detector for single values: many series, one set of parameters, arrays throughout.

`detector` declares it, `memory` holds what each series is remembered by, `signals` what is made of
a value, `novelty` how far signals are from all that was seen, `norm` what of that is usual, `state`
the learner.
"""
