"""Models that are made of models: declared in a line, asked together in one device process.

An ensemble lets several vote on one record; a graph hands what one found on to others. To the
engine either is a model like any other: one batch, one outcome for each record.
"""
