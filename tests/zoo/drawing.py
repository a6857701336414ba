"""Images drawn from texts, and filled in, by tiny diffusion pipelines."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pictures
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)

from aimass_stream.adapters.diffusers import Diffusers
from aimass_stream.adapters.storing import png_of, store
from aimass_stream.errors import Reason
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import Drawing, Image, Text
from aimass_stream.records.told import split_told, write_told
from tests.zoo.case import Case
from tests.zoo.pictures import PICTURES, pixels
from tests.zoo.words import tokenizer

TEXTS = [b"a photo of a cat", "in Köln".encode(), b"the red lamp, a dog", b"parcel"]
STEPS, GUIDANCE, WIDTH, HEIGHT = 3, 4.0, 32, 24
SEED = bytes(range(SEED_BYTES))
CHANNELS: dict[str, Any] = {
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "sample_size": 8,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 16,
    "attention_head_dim": 8,
    "norm_num_groups": 4,
}
TOWER: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "initializer_range": 0.5,
}


def parts(**unet: Any) -> dict[str, Any]:
    """What every pipeline is made of, with random weights."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    words = tokenizer(16)
    ends = {"bos_token_id": words.cls_token_id, "eos_token_id": words.sep_token_id}
    text = CLIPTextConfig(
        **TOWER,
        vocab_size=len(words),
        max_position_embeddings=16,
        pad_token_id=words.pad_token_id,
        **ends,
    )
    coder = AutoencoderKL(
        block_out_channels=[8, 8],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=4,
    )
    return {
        "vae": coder,
        "text_encoder": CLIPTextModel(text),
        "tokenizer": words,
        "unet": UNet2DConditionModel(**{**CHANNELS, "in_channels": 4, **unet}),
    }


def checker() -> dict[str, Any]:
    """A safety checker that minds some images and not others."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    vision = {**TOWER, "image_size": 32, "patch_size": 8}
    config = CLIPConfig(
        text_config={**TOWER, "vocab_size": 8}, vision_config=vision, projection_dim=16
    )
    made = StableDiffusionSafetyChecker(config)
    with torch.no_grad():
        made.concept_embeds.normal_()
        made.special_care_embeds.normal_()
        made.special_care_embeds_weights.fill_(2)
        made.concept_embeds_weights.fill_(MINDED)
    size = {"height": 32, "width": 32}
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    return {"safety_checker": made, "feature_extractor": processor}


MINDED = 0.575
"""The likeness to a concept from which on it minds an image."""
UNCHECKED = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def build_stable_diffusion(folder: Path) -> None:
    from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionPipeline

    schedule = EulerAncestralDiscreteScheduler()
    StableDiffusionPipeline(**parts(), scheduler=schedule, **checker()).save_pretrained(folder)


def build_xl(folder: Path) -> None:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    made = parts(
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
    )
    config = made["text_encoder"].config
    config.projection_dim = 16
    second = CLIPTextModelWithProjection(config)
    StableDiffusionXLPipeline(
        **made,
        text_encoder_2=second,
        tokenizer_2=made["tokenizer"],
        scheduler=EulerDiscreteScheduler(),
        add_watermarker=False,
    ).save_pretrained(folder)


def build_consistency(folder: Path) -> None:
    from diffusers import LatentConsistencyModelPipeline, LCMScheduler

    made = parts(time_cond_proj_dim=16)
    pipeline = LatentConsistencyModelPipeline(**made, scheduler=LCMScheduler(), **UNCHECKED)
    pipeline.save_pretrained(folder)


def build_inpainting(folder: Path) -> None:
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

    made = parts(in_channels=9)
    pipeline = StableDiffusionInpaintPipeline(**made, scheduler=DDIMScheduler(), **UNCHECKED)
    pipeline.save_pretrained(folder)


def pipeline_of(folder: Path) -> Any:
    """As the library loads it by itself."""
    from diffusers import DiffusionPipeline

    found = DiffusionPipeline.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    found.set_progress_bar_config(disable=True)
    return found


def drawing(image: Any, seed: int, found: Any) -> Drawing:
    flags = getattr(found, "nsfw_content_detected", None)
    safety: Any = "unchecked" if flags is None else "unsafe" if flags[0] else "safe"
    claim = store().put(png_of(image), "image/png")
    return Drawing(claim, image.shape[1], image.shape[0], seed, safety)


def seed_of(payload: bytes) -> int:
    return int.from_bytes(payload[:SEED_BYTES], "little") // 2


def draw(folder: Path, payload: bytes) -> Drawing:
    seed = seed_of(payload)
    found = pipeline_of(folder)(
        payload[SEED_BYTES:].decode(),
        generator=torch.Generator().manual_seed(seed),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        width=WIDTH,
        height=HEIGHT,
    )
    return drawing(np.asarray(found.images[0]), seed, found)


def with_hole(picture: bytes, place: int) -> bytes:
    """A PNG whose lower part is transparent."""
    image = pixels(picture)
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[image.shape[0] // 2 + place :, 3:] = 0
    file = io.BytesIO()
    Pictures.fromarray(np.dstack([image, alpha])).save(file, "PNG")
    return file.getvalue()


HOLES = [with_hole(picture, place) for place, picture in enumerate(PICTURES[1:5])]
WITH_HOLES = [
    Image.encode_json(picture, {"text": text.decode()})[0]
    for picture, text in zip(HOLES, TEXTS, strict=True)
]


def fill(folder: Path, payload: bytes) -> Drawing:
    seed = seed_of(payload)
    told, file = split_told(payload[SEED_BYTES:])
    image = Pictures.open(io.BytesIO(file))
    hole = image.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
    found = pipeline_of(folder)(
        told["text"],
        image=image.convert("RGB"),
        mask_image=hole,
        generator=torch.Generator().manual_seed(seed),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        width=image.width // 8 * 8,
        height=image.height // 8 * 8,
        strength=1.0,
    )
    whole = found.images[0].resize(image.size, Pictures.Resampling.LANCZOS)
    pasted = Pictures.composite(whole, image.convert("RGB"), hole)
    return drawing(np.asarray(pasted), seed, found)


def drawer(folder: str) -> Diffusers[Drawing]:
    settings: Any = {"steps": STEPS, "guidance": GUIDANCE, "width": WIDTH, "height": HEIGHT}
    return Diffusers("text-to-image", folder, **settings)


def filler(folder: str) -> Diffusers[Drawing]:
    return Diffusers("inpainting", folder, steps=STEPS, guidance=GUIDANCE)


def case(name: str, build: Callable[[Path], None]) -> Case:
    return Case(
        f"text-to-image-{name}",
        ("V9",),
        build,
        drawer,
        TEXTS,
        draw,
        (SEED + b"\xff", Reason.UNDECODABLE),
        Text,
        needs="diffusers",
    )


CASES = [
    case("stable-diffusion", build_stable_diffusion),
    case("stable-diffusion-xl", build_xl),
    case("latent-consistency", build_consistency),
    Case(
        "inpainting-stable-diffusion",
        ("V10",),
        build_inpainting,
        filler,
        WITH_HOLES,
        fill,
        (SEED + write_told({"text": "a"}) + PICTURES[0], Reason.TYPE_MISMATCH),
        needs="diffusers",
    ),
]
