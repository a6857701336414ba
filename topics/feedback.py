"""What records turned out to be, said later; what is learnt from that, and how good answers are."""

from aimass_stream.records import FeedbackRecord, Prediction, Quality, Topic

feedback = Topic("feedback", FeedbackRecord)
learned_intents = Topic("predictions.intents", Prediction, partitions=4)
quality = Topic("quality.intents", Quality, partitions=1)
