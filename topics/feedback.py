"""What records turned out to be, said later; and what was learnt from that."""

from aimass_stream.records import FeedbackRecord, Prediction, Topic

feedback = Topic("feedback", FeedbackRecord)
learned_intents = Topic("predictions.intents", Prediction, partitions=4)
