"""What users do and where they are, and what follows from it."""

from aimass_stream.records import Alert, Behaviour, Recommendation, Topic

behaviour = Topic("behaviour", Behaviour, key="user")
alerts = Topic("alerts", Alert)
recommendations = Topic("recommendations", Recommendation, partitions=4)
feeds = Topic("feeds", Recommendation, partitions=4, compacted=True)
