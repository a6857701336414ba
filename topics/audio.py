"""Audio in, predictions out."""

from aimass_stream.records import Audio, Prediction, Topic

audio = Topic("audio", Audio, key="user")
sounds = Topic("predictions.audio", Prediction)
