"""Which task a model folder is for, told from its configuration alone.

An architecture's name ends in what its head does, as transformers names them. Where one head
serves several tasks (T5 both summarises and translates) nothing is guessed.
"""

from __future__ import annotations

from pathlib import Path

from aimass_stream.adapters.tasks import modality_of
from aimass_stream.registry.configuration import Configuration
from aimass_stream.registry.preparation import has_tokenizer

_ENDINGS = {
    "ForImageClassification": "image-classification",
    "ForVideoClassification": "video-classification",
    "ForObjectDetection": "object-detection",
    "ForSemanticSegmentation": "image-segmentation",
    "ForDepthEstimation": "depth-estimation",
    "ForImageSuperResolution": "image-to-image",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForAudioClassification": "audio-classification",
    "ForCTC": "automatic-speech-recognition",
    "ForRNNT": "automatic-speech-recognition",
    "ForTDT": "automatic-speech-recognition",
    "ForTextToSpeech": "text-to-speech",
}
_ZERO_SHOT_DETECTORS = (
    "OwlViTForObjectDetection",
    "Owlv2ForObjectDetection",
    "GroundingDinoForObjectDetection",
    "MMGroundingDinoForObjectDetection",
    "OmDetTurboForObjectDetection",
)
_ZERO_SHOT_CLASSIFIERS = (
    "AlignModel",
    "AltCLIPModel",
    "ChineseCLIPModel",
    "CLIPModel",
    "MetaClip2Model",
    "SiglipModel",
    "Siglip2Model",
)
_NAMES = {
    **dict.fromkeys(_ZERO_SHOT_DETECTORS, "zero-shot-object-detection"),
    **dict.fromkeys(_ZERO_SHOT_CLASSIFIERS, "zero-shot-image-classification"),
    "FastSpeech2ConformerWithHifiGan": "text-to-speech",
    "MarianMTModel": "translation",
    "VitsModel": "text-to-speech",
}
_LIBRARIES = {
    "timm": "image-classification",
    "torchaudio": "text-to-speech",
    "yolox": "object-detection",
}
_SEQUENCE = "ForSequenceClassification"
_ON_AUDIO = {
    _SEQUENCE: "audio-classification",
    "ForConditionalGeneration": "automatic-speech-recognition",
}
_HEARING = (
    "Data2VecAudio",
    "Hubert",
    "Moonshine",
    "SEW",
    "Speech2Text",
    "UniSpeech",
    "Wav2Vec2",
    "WavLM",
    "Whisper",
)
"""What the names of networks on audio begin with, where their endings do not tell."""
_PROBLEMS = {
    "regression": "text-regression",
    "multi_label_classification": "multi-label-classification",
}
_ALIKE = (
    {
        "text-classification",
        "zero-shot-classification",
        "text-regression",
        "multi-label-classification",
    },
    {"summarization", "translation"},
    {"object-detection", "instance-segmentation", "keypoint-detection"},
)
"""Tasks that one and the same folder may serve."""
_BACKBONE = {
    "text": frozenset({"sentence-embedding"}),
    "image": frozenset({"image-embedding", "visual-anomaly"}),
    "audio": frozenset({"audio-embedding"}),
}
"""Tasks that need no head, by what the network reads."""


def recognise(folder: Path, about: Configuration) -> str:
    """The task of a model folder; empty where its configuration leaves it open.

    Args:
        folder: of the model.
        about: its configuration.
    """
    name = about.architecture
    if about.library in _LIBRARIES:
        return _LIBRARIES[about.library]
    if about.library == "diffusers":
        return "inpainting" if name.endswith("InpaintPipeline") else "text-to-image"
    if about.library == "scikit-learn":
        return about.problem
    exact = _NAMES.get(name) or next(
        (task for ending, task in _ENDINGS.items() if name.endswith(ending)), ""
    )
    return exact or _by_inputs(folder, about)


def may_serve(found: str, wanted: str) -> bool:
    """Whether a folder that is for one task may be declared for another.

    Args:
        found: the task it is for; empty where that is not known.
        wanted: the task it is to serve.
    """
    if found in {"", wanted} or wanted in _BACKBONE.get(modality_of(found), ()):
        return True
    return any({found, wanted} <= alike for alike in _ALIKE)


def _by_inputs(folder: Path, about: Configuration) -> str:
    """The task of an architecture whose name leaves it to what goes in."""
    name = about.architecture
    if about.sampling_rate_hz or name.startswith(_HEARING):
        return _ON_AUDIO.get(_ending(name), "")
    if name.endswith(_SEQUENCE):
        return _PROBLEMS.get(about.problem, "text-classification")
    if name.endswith("Model") and not about.prepares and has_tokenizer(folder, about):
        return "sentence-embedding"
    return ""


def _ending(name: str) -> str:
    return next((ending for ending in _ON_AUDIO if name.endswith(ending)), "")
