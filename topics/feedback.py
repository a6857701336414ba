"""What records turned out to be, said later by people or other systems."""

from aimass_stream.records import FeedbackRecord, Topic

feedback = Topic("feedback", FeedbackRecord)
