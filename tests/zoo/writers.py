"""Models that write: causal ones, greedily and by chance, and sequence to sequence."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BartForConditionalGeneration,
    FalconConfig,
    FalconForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    MarianConfig,
    MarianMTModel,
    T5Config,
    T5ForConditionalGeneration,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import Reason
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import Generated, Text
from aimass_stream.records.told import split_told, write_told
from tests.zoo.case import Case
from tests.zoo.library import model_of, words_of
from tests.zoo.texts import VALUES
from tests.zoo.words import tokenizer

NEW = 12


def ends(words: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(words),
        "bos_token_id": words.cls_token_id,
        "eos_token_id": words.sep_token_id,
        "pad_token_id": words.pad_token_id,
    }


def save(model: Any, words: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def open_ended() -> Any:
    """A tokenizer that does not end what it is given, as those of causal models."""
    words = tokenizer(80)
    words.backend_tokenizer.post_processor = None
    return words


def build_gpt2(folder: Path) -> None:
    words = open_ended()
    config = GPT2Config(
        n_embd=16, n_layer=2, n_head=2, n_positions=80, initializer_range=0.6, **ends(words)
    )
    save(GPT2LMHeadModel(config), words, folder)


def build_falcon(folder: Path) -> None:
    words = open_ended()
    config = FalconConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=96,
        initializer_range=0.5,
        **ends(words),
    )
    save(FalconForCausalLM(config), words, folder)


def build_mamba(folder: Path) -> None:
    words = open_ended()
    config = MambaConfig(
        hidden_size=16, state_size=8, num_hidden_layers=2, initializer_range=0.6, **ends(words)
    )
    save(MambaForCausalLM(config), words, folder)


def build_t5(folder: Path) -> None:
    words = tokenizer()
    config = T5Config(
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=words.pad_token_id,
        initializer_factor=3.0,
        **ends(words),
    )
    save(T5ForConditionalGeneration(config), words, folder)


def build_bart(folder: Path) -> None:
    words = tokenizer()
    config = BartConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=80,
        init_std=0.5,
        decoder_start_token_id=words.sep_token_id,
        forced_eos_token_id=None,
        **ends(words),
    )
    save(BartForConditionalGeneration(config), words, folder)


def build_marian(folder: Path) -> None:
    import sentencepiece
    from transformers import MarianTokenizer

    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(value.decode() for value in VALUES * 3),
            model_prefix=str(folder / side),
            vocab_size=60,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        (folder / f"{side}.vocab").unlink()
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    read = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    pieces = [read.id_to_piece(at) for at in range(3, read.get_piece_size())]
    known = {piece: at for at, piece in enumerate(["</s>", "<unk>", ">>fra<<", *pieces, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(known))
    spelling: Any = MarianTokenizer
    source, target, vocabulary = (
        str(folder / file) for file in ("source.spm", "target.spm", "vocab.json")
    )
    words = spelling(source_spm=source, target_spm=target, vocab=vocabulary)
    config = MarianConfig(
        vocab_size=len(known),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=80,
        init_std=0.5,
        pad_token_id=known["<pad>"],
        eos_token_id=0,
        decoder_start_token_id=known["<pad>"],
        forced_eos_token_id=None,
    )
    save(MarianMTModel(config), words, folder)


def written(words: Any, tokens: list[int], prompt: int) -> Generated:
    """What the new tokens of a row say."""
    end = words.eos_token_id if words.sep_token_id is None else words.sep_token_id
    ended = end in tokens
    kept = tokens[: tokens.index(end)] if ended else tokens
    text = words.decode(kept, skip_special_tokens=True)
    return Generated(text, "end" if ended else "length", prompt, len(kept) + ended)


def text_of(payload: bytes) -> str:
    return str(split_told(payload[SEED_BYTES:])[1], "utf-8")


def continue_text(folder: Path, payload: bytes) -> Generated:
    words, model = words_of(folder), model_of(AutoModelForCausalLM, folder)
    text = "question: " + text_of(payload)
    inputs = words(text, return_tensors="pt", return_token_type_ids=False)
    tokens = model.generate(**inputs, do_sample=False, max_new_tokens=NEW)[0].tolist()
    length = inputs["input_ids"].shape[1]
    return written(words, tokens[length:], length)


def draw_text(folder: Path, payload: bytes) -> Generated:
    """Step by step, by the definition of temperature and top-k."""
    words, model = words_of(folder), model_of(AutoModelForCausalLM, folder)
    draw = torch.Generator().manual_seed(int.from_bytes(payload[:SEED_BYTES], "little") >> 1)
    ids = words(text_of(payload), return_tensors="pt")["input_ids"]
    length = ids.shape[1]
    while ids.shape[1] < length + NEW and int(ids[0, -1]) != words.sep_token_id:
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, -1] / 0.7
        least = logits.topk(20).values[-1]
        shares = torch.where(logits < least, -torch.inf, logits).softmax(0)
        ids = torch.cat([ids, torch.multinomial(shares, 1, generator=draw)[None]], dim=1)
    return written(words, ids[0, length:].tolist(), length)


def rewrite(folder: Path, payload: bytes, before: str, beams: int, forced: str | None) -> Generated:
    words, model = words_of(folder), model_of(AutoModelForSeq2SeqLM, folder)
    inputs = words(
        before + payload.decode(),
        truncation=True,
        max_length=64,
        return_tensors="pt",
        return_token_type_ids=False,
    )
    chosen = {} if forced is None else {"forced_bos_token_id": words.convert_tokens_to_ids(forced)}
    tokens = model.generate(
        **inputs, do_sample=False, num_beams=beams, max_new_tokens=NEW, **chosen
    )[0].tolist()
    return written(words, tokens[1:], inputs["input_ids"].shape[1])


def generator(folder: str) -> Transformers[Generated]:
    return Transformers("text-generation", folder, template="question: {text}", max_new_tokens=NEW)


def sampler(folder: str) -> Transformers[Generated]:
    return Transformers("text-generation", folder, temperature=0.7, top_k=20, max_new_tokens=NEW)


def summarizer(folder: str) -> Transformers[Generated]:
    return Transformers(
        "summarization", folder, template="question: {text}", max_new_tokens=NEW, max_tokens=64
    )


def translator(folder: str) -> Transformers[Generated]:
    return Transformers(
        "translation",
        folder,
        target_language="paris",
        beams=2,
        max_new_tokens=NEW,
        max_tokens=64,
    )


def marian(folder: str) -> Transformers[Generated]:
    template = ">>fra<< {text}"
    return Transformers("translation", folder, template=template, max_new_tokens=NEW, max_tokens=64)


BROKEN = (bytes(SEED_BYTES) + write_told({}) + b"\xff", Reason.UNDECODABLE)
CASES = [
    Case(
        "text-generation-gpt2", ("T4",), build_gpt2, generator, VALUES, continue_text, BROKEN, Text
    ),
    Case(
        "text-generation-mamba",
        ("T4",),
        build_mamba,
        generator,
        VALUES,
        continue_text,
        BROKEN,
        Text,
    ),
    Case(
        "text-generation-falcon-sampled",
        ("T4",),
        build_falcon,
        sampler,
        VALUES,
        draw_text,
        BROKEN,
        Text,
    ),
    Case(
        "summarization-t5",
        ("T5",),
        build_t5,
        summarizer,
        VALUES,
        partial(rewrite, before="question: ", beams=1, forced=None),
        (b"\xff", Reason.UNDECODABLE),
        Text,
    ),
    Case(
        "translation-bart",
        ("T5",),
        build_bart,
        translator,
        VALUES,
        partial(rewrite, before="", beams=2, forced="paris"),
        (b"\xff", Reason.UNDECODABLE),
        Text,
    ),
    Case(
        "translation-marian",
        ("T5",),
        build_marian,
        marian,
        VALUES,
        partial(rewrite, before=">>fra<< ", beams=1, forced=None),
        (b"\xff", Reason.UNDECODABLE),
        Text,
        "sentencepiece",
    ),
]
