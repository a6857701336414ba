"""What users test their own learners with."""

from aimass_stream.testing.learners import LEARNER_CHECKS, LearnerCheckError, check_learner

__all__ = ["LEARNER_CHECKS", "LearnerCheckError", "check_learner"]
