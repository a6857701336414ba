"""Detection and classification by names, of the declaration's choice or of each record's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForZeroShotImageClassification,
    AutoModelForZeroShotObjectDetection,
    BertConfig,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SwinConfig,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import Reason
from aimass_stream.records import Detection, Detections, Image, Prediction
from aimass_stream.records.told import split_told, write_told
from tests.zoo.case import Case
from tests.zoo.detection import EDGES, SMALL, SQUARE, clipped, found_in, save
from tests.zoo.library import model_of, processor_of, words_of
from tests.zoo.pictures import PICTURES, pixels
from tests.zoo.words import PHRASES, tokenizer

OF_RECORDS = [["dog", "parcel"], ["cat"], ["red lamp", "dog", "cat"], ["dog", "parcel"], ["shop"]]
"""Names that records bring along."""


def build_owl(folder: Path) -> None:
    words = tokenizer()
    text = {
        "vocab_size": len(words),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
        "pad_token_id": words.pad_token_id,
        "bos_token_id": words.cls_token_id,
        "eos_token_id": words.sep_token_id,
    }
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
    }
    config = Owlv2Config(text_config=text, vision_config=vision, projection_dim=16)
    save(Owlv2ForObjectDetection(config), Owlv2ImageProcessorPil(size=SQUARE), folder)
    words.save_pretrained(folder)


def detect_named(folder: Path, payload: bytes, names: list[str] = PHRASES) -> Detections:
    processor = processor_of(folder)
    words = words_of(folder)
    model = model_of(AutoModelForZeroShotObjectDetection, folder)
    picture = pixels(payload)
    phrases = [f"a photo of a {name}" for name in names]
    tokens = words(phrases, padding="max_length", max_length=16, return_tensors="pt")
    with torch.no_grad():
        outputs = model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            **processor(picture, return_tensors="pt"),
        )
    (found,) = processor.post_process_object_detection(
        outputs, threshold=0.05, target_sizes=torch.tensor([picture.shape[:2]])
    )
    return found_in(picture, found, names)


def named_detector(folder: str) -> Transformers[Detections]:
    return Transformers("zero-shot-object-detection", folder, labels=PHRASES, threshold=0.05, top=6)


def build_grounding_dino(folder: Path) -> None:
    words = tokenizer()
    text = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    backbone = SwinConfig(
        image_size=64,
        window_size=4,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )
    settings = {name: found for name, found in SMALL.items() if name != "id2label"}
    # Its 32 groups must hold more than a channel each.
    settings["d_model"] = 64
    config = GroundingDinoConfig(
        **settings,
        backbone_config=backbone,
        text_config=text,
        use_timm_backbone=False,
        num_feature_levels=4,
        max_text_len=48,
    )
    processor = GroundingDinoImageProcessorPil(size=EDGES)
    model = GroundingDinoForObjectDetection(config)
    with torch.no_grad():
        # Of random weights products are so large that every score is 1.
        model.model.decoder.layer_norm.weight.mul_(0.1)
    save(model, processor, folder)
    words.save_pretrained(folder)


def ground(folder: Path, payload: bytes, names: list[str] = PHRASES) -> Detections:
    """As the library's documentation does it; of a box's phrase the best token, and whose it is."""
    image_processor, words = processor_of(folder), words_of(folder)
    processor = GroundingDinoProcessor(image_processor, words)
    model = model_of(AutoModelForZeroShotObjectDetection, folder)
    picture = pixels(payload)
    height, width = picture.shape[:2]
    inputs = processor(images=picture, text=[names], return_tensors="pt")
    with torch.no_grad():
        outputs = model(**inputs)
    pieces = words.convert_ids_to_tokens(inputs["input_ids"][0].tolist())
    separators = [place for place, piece in enumerate(pieces) if piece in {".", "[CLS]", "[SEP]"}]
    outputs.logits[..., separators] = -torch.inf
    pieces_of = {
        words.decode([piece]): name
        for name in names
        for piece in words(name, add_special_tokens=False)["input_ids"]
    }
    objects = []
    for score in filter(lambda score: score > 0.05, outputs.logits.sigmoid().amax(dim=2)[0]):
        # Just below its score, a box's phrase is its best token alone.
        (found,) = processor.post_process_grounded_object_detection(
            outputs,
            inputs["input_ids"],
            threshold=float(score) - 1e-6,
            text_threshold=float(score) - 1e-6,
            target_sizes=[(height, width)],
        )
        row = int(found["scores"].argmin())
        box = clipped(found["boxes"][row].tolist(), width, height)
        label = pieces_of[found["text_labels"][row]]
        objects.append(Detection(label, float(found["scores"][row]), box))
    objects.sort(key=lambda one: -one.score)
    return Detections(width, height, objects[:6])


def towers(length: int, **text: Any) -> dict[str, Any]:
    """Settings of a tiny text and a tiny image model."""
    size = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "initializer_range": 0.5,
    }
    words = tokenizer()
    known = {"vocab_size": len(words), "max_position_embeddings": length}
    return {
        "text_config": {**size, **known, "pad_token_id": words.pad_token_id, **text},
        "vision_config": {**size, "image_size": 32, "patch_size": 8},
    }


def build_clip(folder: Path) -> None:
    words = tokenizer()
    ends = {"bos_token_id": words.cls_token_id, "eos_token_id": words.sep_token_id}
    CLIPModel(CLIPConfig(**towers(32, **ends), projection_dim=16)).save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    words.save_pretrained(folder)


def build_siglip(folder: Path) -> None:
    SiglipModel(SiglipConfig(**towers(16, projection_size=16))).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def classify_named(folder: Path, payload: bytes, names: list[str] = PHRASES) -> Prediction:
    processor = processor_of(folder)
    words = words_of(folder)
    model = model_of(AutoModelForZeroShotImageClassification, folder)
    phrases = [f"a photo of a {phrase}" for phrase in names]
    siglip = model.config.model_type == "siglip"
    if siglip:
        tokens = {"input_ids": words(phrases, padding="max_length", max_length=16).input_ids}
        tokens = {"input_ids": torch.tensor(tokens["input_ids"])}
    else:
        made = words(phrases, padding=True, return_tensors="pt")
        tokens = {"input_ids": made["input_ids"], "attention_mask": made["attention_mask"]}
    with torch.no_grad():
        logits = model(**tokens, **processor(pixels(payload), return_tensors="pt"))
    rows = logits.logits_per_image[0]
    scores = (rows.sigmoid() if siglip else rows.softmax(dim=0)).tolist()
    ranked = sorted(zip(names, scores, strict=True), key=lambda pair: -pair[1])
    return Prediction(*ranked[0], dict(ranked[:3]))


def namer(folder: str) -> Transformers[Prediction]:
    return Transformers("zero-shot-image-classification", folder, labels=PHRASES)


def free_detector(folder: str) -> Transformers[Detections]:
    """Each record brings its names."""
    return Transformers("zero-shot-object-detection", folder, threshold=0.05, top=6)


def free_namer(folder: str) -> Transformers[Prediction]:
    return Transformers("zero-shot-image-classification", folder)


def asked(library: Callable[[Path, bytes, list[str]], Any]) -> Callable[[Path, bytes], Any]:
    """What the library answers to a record with names of its own."""

    def answer(folder: Path, payload: bytes) -> Any:
        told, picture = split_told(payload)
        return library(folder, bytes(picture), told["labels"])

    return answer


WITH_NAMES = [
    Image.encode_json(picture, {"labels": names})[0]
    for picture, names in zip(PICTURES, OF_RECORDS, strict=True)
]
BROKEN_PICTURE = (
    write_told({"labels": ["cat"]}) + b"\x89PNG\r\n\x1a\nbroken",
    Reason.UNDECODABLE,
)


def case(name: str, build: Any, declare: Any, library: Any) -> Case:
    return Case(name, ("V12",), build, declare, PICTURES, library)


def free_case(name: str, build: Any, declare: Any, library: Any) -> Case:
    return Case(
        f"{name}-names-of-records",
        ("V12",),
        build,
        declare,
        WITH_NAMES,
        asked(library),
        BROKEN_PICTURE,
    )


CASES = [
    case("zero-shot-object-detection-owlv2", build_owl, named_detector, detect_named),
    free_case("zero-shot-object-detection-owlv2", build_owl, free_detector, detect_named),
    case("zero-shot-object-detection-grounding-dino", build_grounding_dino, named_detector, ground),
    free_case(
        "zero-shot-object-detection-grounding-dino", build_grounding_dino, free_detector, ground
    ),
    case("zero-shot-image-classification-clip", build_clip, namer, classify_named),
    free_case("zero-shot-image-classification-clip", build_clip, free_namer, classify_named),
    case("zero-shot-image-classification-siglip", build_siglip, namer, classify_named),
]
