"""The form of a line in the log, of whichever process says it."""

LOG_FORM = "%(asctime)s %(levelname)-7s %(process)d %(name)s: %(message)s"
"""For `logging.basicConfig`: when, how bad, which process, who, and what."""
