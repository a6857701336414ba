"""Segmentation, depth and restoration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForDepthEstimation,
    AutoModelForImageToImage,
    AutoModelForSemanticSegmentation,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessorPil,
    GLPNConfig,
    GLPNForDepthEstimation,
    GLPNImageProcessorPil,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessorPil,
    Swin2SRConfig,
    Swin2SRForImageSuperResolution,
    Swin2SRImageProcessorPil,
)

from aimass_stream.adapters.storing import png_of, store
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.records import (
    Depth,
    Mask,
    Picture,
    Region,
    Segmentation,
)
from tests.zoo.case import Case
from tests.zoo.library import model_of, processor_of
from tests.zoo.pictures import PICTURES, pixels

LABELS = {0: "road", 1: "sky", 2: "house", 3: "tree"}
SQUARE = {"height": 64, "width": 64}
SEGFORMER: dict[str, Any] = {
    "num_encoder_blocks": 2,
    "depths": [1, 1],
    "sr_ratios": [2, 1],
    "hidden_sizes": [8, 16],
    "patch_sizes": [3, 3],
    "strides": [2, 2],
    "num_attention_heads": [1, 2],
    "mlp_ratios": [2, 2],
    "decoder_hidden_size": 16,
}


def build_segformer(folder: Path) -> None:
    config = SegformerConfig(**SEGFORMER, id2label=LABELS, initializer_range=0.5)
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessorPil(size=SQUARE).save_pretrained(folder)


def segment(folder: Path, payload: bytes) -> Segmentation:
    processor = processor_of(folder)
    model = model_of(AutoModelForSemanticSegmentation, folder)
    picture = pixels(payload)
    with torch.no_grad():
        outputs = model(**processor(picture, return_tensors="pt"))
    (found,) = processor.post_process_semantic_segmentation(
        outputs, target_sizes=[picture.shape[:2]]
    )
    classes = found.numpy()
    regions = [
        Region(LABELS[one], float((classes == one).mean()), Mask.of(classes == one))
        for one in np.unique(classes).tolist()
    ]
    regions.sort(key=lambda region: -region.share)
    return Segmentation(picture.shape[1], picture.shape[0], regions)


def build_glpn(folder: Path) -> None:
    settings = {key: value for key, value in SEGFORMER.items() if key != "decoder_hidden_size"}
    settings |= {"num_encoder_blocks": 4, "depths": [1] * 4, "sr_ratios": [4, 2, 1, 1]}
    settings |= {"mlp_ratios": [2] * 4, "hidden_sizes": [8, 8, 8, 16], "patch_sizes": [7, 3, 3, 3]}
    settings |= {"strides": [4, 2, 2, 2], "num_attention_heads": [1, 1, 1, 2]}
    config = GLPNConfig(**settings, decoder_hidden_size=8)
    GLPNForDepthEstimation(config).save_pretrained(folder)
    GLPNImageProcessorPil().save_pretrained(folder)


def build_dpt(folder: Path) -> None:
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
        initializer_range=0.3,
    )
    DPTForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessorPil(size=SQUARE).save_pretrained(folder)


def measure(folder: Path, payload: bytes) -> Depth:
    processor = processor_of(folder)
    model = model_of(AutoModelForDepthEstimation, folder)
    picture = pixels(payload)
    height, width = picture.shape[:2]
    with torch.no_grad():
        outputs = model(**processor(picture, return_tensors="pt"))
    (found,) = processor.post_process_depth_estimation(outputs, target_sizes=[(height, width)])
    depth = found["predicted_depth"].numpy()
    least, most = float(depth.min()), float(depth.max())
    grey = ((depth - least) / (most - least) * 65535).round().astype(np.uint16)
    unit = "metre" if model.config.model_type == "glpn" else "relative"
    claim = store().put(png_of(grey), "image/png")
    return Depth(claim, width, height, least, float(np.median(depth)), most, unit)  # type: ignore[arg-type]


def build_swin2sr(folder: Path) -> None:
    config = Swin2SRConfig(
        image_size=16, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4, upscale=2
    )
    Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    Swin2SRImageProcessorPil(size_divisor=8).save_pretrained(folder)


def build_denoiser(folder: Path) -> None:
    """The same family without an upsampler, as it is trained against noise and JPEG's blocks."""
    config = Swin2SRConfig(
        image_size=16,
        embed_dim=16,
        depths=[1, 1],
        num_heads=[2, 2],
        window_size=4,
        upscale=1,
        upsampler="",
        initializer_range=0.2,
    )
    Swin2SRForImageSuperResolution(config).save_pretrained(folder)
    Swin2SRImageProcessorPil(size_divisor=8).save_pretrained(folder)


def enlarge(folder: Path, payload: bytes) -> Picture:
    processor = processor_of(folder)
    model = model_of(AutoModelForImageToImage, folder)
    picture = pixels(payload)
    factor = model.config.upscale
    height, width = picture.shape[0] * factor, picture.shape[1] * factor
    with torch.no_grad():
        made = model(**processor(picture, return_tensors="pt")).reconstruction[0]
    image = (made.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()[:height, :width]
    return Picture(store().put(png_of(np.ascontiguousarray(image)), "image/png"), width, height)


def segmenter(folder: str) -> Transformers[Segmentation]:
    return Transformers("image-segmentation", folder)


def depth_model(folder: str) -> Transformers[Depth]:
    return Transformers("depth-estimation", folder)


def enlarger(folder: str) -> Transformers[Picture]:
    return Transformers("image-to-image", folder)


CASES = [
    Case("image-segmentation-segformer", ("V7",), build_segformer, segmenter, PICTURES, segment),
    Case("depth-estimation-dpt", ("V11",), build_dpt, depth_model, PICTURES, measure),
    Case("depth-estimation-glpn", ("V11",), build_glpn, depth_model, PICTURES, measure),
    Case("image-to-image-swin2sr", ("V10",), build_swin2sr, enlarger, PICTURES, enlarge),
    Case("image-to-image-swin2sr-denoising", ("V10",), build_denoiser, enlarger, PICTURES, enlarge),
]
