"""Images in, predictions out."""

from aimass_stream.records import Image, Prediction, Topic

images = Topic("images", Image, key="user")
labels = Topic("predictions.images", Prediction)
