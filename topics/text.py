"""Support messages in, what they want and speak of out."""

from aimass_stream.records import Text, Topic, Understanding

text = Topic("text", Text, key="user")
understandings = Topic("predictions.text", Understanding)
