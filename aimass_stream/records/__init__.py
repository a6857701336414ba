"""What flows: records, the topics they live on, and the identity every answer carries.

Pure data: no Kafka, no model library, nothing decoded.
"""

from aimass_stream.records.alert import Alert, Severity
from aimass_stream.records.audio import Audio
from aimass_stream.records.behaviour import Action, Behaviour, read_behaviour
from aimass_stream.records.choice import Choice
from aimass_stream.records.chunk import Chunk, Headers, Record
from aimass_stream.records.claim import Claim
from aimass_stream.records.clip import Clip, ClipData
from aimass_stream.records.cluster import Cluster
from aimass_stream.records.detections import (
    Detection,
    Detections,
    EmbeddedDetection,
    EmbeddedDetections,
    FinerDetection,
    FinerDetections,
    Mask,
)
from aimass_stream.records.embedding import Embedding
from aimass_stream.records.entities import Entities, Entity
from aimass_stream.records.example import Example
from aimass_stream.records.feedback import Feedback, FeedbackRecord, read_feedback
from aimass_stream.records.generated import Generated, GeneratedPart
from aimass_stream.records.image import Image
from aimass_stream.records.labels import Estimate, Labels
from aimass_stream.records.limits import Limits
from aimass_stream.records.match import Match
from aimass_stream.records.pose import Keypoint, PosedDetection, PosedDetections
from aimass_stream.records.prediction import Prediction
from aimass_stream.records.prompt import Prompt, PromptControls, PromptText
from aimass_stream.records.proposal import Proposal
from aimass_stream.records.quality import ModelQuality, Quality
from aimass_stream.records.question import Question
from aimass_stream.records.recommendation import Recommendation, RecommendedItem
from aimass_stream.records.reply import Reply
from aimass_stream.records.reward import Reward, read_reward
from aimass_stream.records.segmentation import Region, Segmentation
from aimass_stream.records.span import Span
from aimass_stream.records.stored import Depth, Drawing, Picture, Speech, VisualAnomaly
from aimass_stream.records.surprise import Surprise
from aimass_stream.records.text import Text
from aimass_stream.records.topic import Topic
from aimass_stream.records.tracked_cluster import ClusterChange, TrackedCluster
from aimass_stream.records.transcript import Transcript, Word
from aimass_stream.records.understanding import Understanding
from aimass_stream.records.verdict import Verdict
from aimass_stream.records.vote import JointDetections, JointEstimate, JointLabels, Vote

__all__ = [
    "Action",
    "Alert",
    "Audio",
    "Behaviour",
    "Choice",
    "Chunk",
    "Claim",
    "Clip",
    "ClipData",
    "Cluster",
    "ClusterChange",
    "Depth",
    "Detection",
    "Detections",
    "Drawing",
    "EmbeddedDetection",
    "EmbeddedDetections",
    "Embedding",
    "Entities",
    "Entity",
    "Estimate",
    "Example",
    "Feedback",
    "FeedbackRecord",
    "FinerDetection",
    "FinerDetections",
    "Generated",
    "GeneratedPart",
    "Headers",
    "Image",
    "JointDetections",
    "JointEstimate",
    "JointLabels",
    "Keypoint",
    "Labels",
    "Limits",
    "Mask",
    "Match",
    "ModelQuality",
    "Picture",
    "PosedDetection",
    "PosedDetections",
    "Prediction",
    "Prompt",
    "PromptControls",
    "PromptText",
    "Proposal",
    "Quality",
    "Question",
    "Recommendation",
    "RecommendedItem",
    "Record",
    "Region",
    "Reply",
    "Reward",
    "Segmentation",
    "Severity",
    "Span",
    "Speech",
    "Surprise",
    "Text",
    "Topic",
    "TrackedCluster",
    "Transcript",
    "Understanding",
    "Verdict",
    "VisualAnomaly",
    "Vote",
    "Word",
    "read_behaviour",
    "read_feedback",
    "read_reward",
]
