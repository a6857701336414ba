"""Texts written side by side: who joins starts at once, and nobody's text depends on the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    FalconH1Config,
    FalconH1ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from aimass_stream.adapters import decoding
from aimass_stream.adapters.decoding import can_join
from aimass_stream.adapters.draft import Draft
from aimass_stream.adapters.memory import Memory, joined
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_continuation import TextGenerator
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import WritingPredictor
from aimass_stream.records import Generated, Limits, Prompt, PromptControls
from aimass_stream.records.prompt import encode_prompt
from aimass_stream.registry.folder import resolve
from tests.zoo.library import words_of
from tests.zoo.writers import build_gpt2, build_mamba, ends, open_ended, save

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(120)]

TEXTS = [
    "where is my parcel",
    "the kettle from paris that i ordered last monday is broken",
    "hello",
    "a refund please for two lamps",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(11)
    torch.set_num_threads(1)
    made: Path = tmp_path_factory.mktemp("gpt2")
    build_gpt2(made)
    return made


@pytest.fixture
def load(folder: Path, tmp_path: Path) -> Any:
    def make(at: Path = folder, **settings: Any) -> TextGenerator:
        told = {"max_new_tokens": 12, **settings}
        spec = resolve(Transformers("text-generation", str(at), **told), tmp_path)
        return TextGenerator(spec, "cpu")

    return make


def payload(text: str, controls: PromptControls | None = None, offset: int = 0) -> bytes:
    """What the model is given of a record, as the engine makes it."""
    model = Transformers("text-generation", "unused")
    record = Prompt("prompts", 0, offset, 0, None, encode_prompt(text, controls), ())
    record.check(Limits())
    return model.payload(record)


def inputs(generator: TextGenerator, *texts: str, **controls: Any) -> list[Any]:
    told = PromptControls(**controls)
    return [generator.decode(payload(text, told, at)) for at, text in enumerate(texts)]


def finish(generator: TextGenerator) -> Iterator[Any]:
    """Everything that is told until nothing is told any more."""
    while True:
        told = generator.step()
        yield from told
        if all(one.answer is not None for one in told) and not generator.step():
            return


def answers_of(told: list[Any]) -> dict[int, Any]:
    return {one.ticket: one.answer for one in told if one.answer is not None}


def build_windows(folder: Path) -> None:
    """Layers that see the last few tokens only, and one that sees all."""
    words = open_ended()
    config = Gemma3TextConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        sliding_window=5,
        layer_types=["sliding_attention", "full_attention"],
        initializer_range=0.6,
        **ends(words),
    )
    save(Gemma3ForCausalLM(config), words, folder)


def build_hybrid(folder: Path) -> None:
    """Layers that carry a state and attend, both."""
    words = open_ended()
    config = FalconH1Config(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        mamba_d_ssm=32,
        mamba_n_heads=4,
        mamba_d_head=8,
        mamba_d_state=8,
        mamba_chunk_size=4,
        initializer_range=0.6,
        **ends(words),
    )
    model: Any = FalconH1ForCausalLM(config)  # type: ignore[no-untyped-call]  # by the library
    save(model, words, folder)


FAMILIES = {
    "keys and values": build_gpt2,
    "windows": build_windows,
    "states": build_mamba,
    "states and keys": build_hybrid,
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(11)
    made = tmp_path / "family"
    made.mkdir()
    FAMILIES[request.param](made)
    return made


def test_who_joins_is_written_in_the_next_step_and_changes_nothing(load: Any, family: Path) -> None:
    writes = load(family, temperature=0.7)
    assert isinstance(writes, WritingPredictor)
    generator: Any = writes
    assert generator._joins
    given = inputs(generator, *TEXTS)
    alone = [generator.predict([one])[0] for one in given]
    told: list[Any] = []
    tickets = generator.begin(given[:1])
    drafts = []
    for at in range(1, len(given)):
        told += generator.step()
        told += generator.step()
        tickets += generator.begin([given[at]])
        drafts.append(generator._drafts[tickets[-1]][1])
        assert drafts[-1].count == 0
        told += generator.step()
        assert drafts[-1].count == 1
    while len(answers_of(told)) < len(given):
        told += generator.step()
    assert [answers_of(told)[ticket] for ticket in tickets] == alone
    assert len({answer.text for answer in alone}) > 1


def test_the_parts_of_an_answer_are_its_text(load: Any) -> None:
    generator = load()
    told: list[Any] = []
    tickets = generator.begin(inputs(generator, *TEXTS))
    while len(answers_of(told)) < len(tickets):
        told += generator.step()
    for ticket in tickets:
        parts = [one.text for one in told if one.ticket == ticket and one.text]
        assert "".join(parts) == answers_of(told)[ticket].text
        assert len(parts) > 2


def test_texts_beyond_those_written_together_wait_for_a_place(load: Any) -> None:
    generator = load(together=2)
    given = inputs(generator, *TEXTS, *TEXTS)
    tickets = generator.begin(given)
    generator.step()
    counts = [generator._drafts[ticket][1].count for ticket in tickets]
    assert counts == [1, 1, 0, 0, 0, 0, 0, 0]
    generator.drop(tickets)
    assert generator.step() == []
    wide = load()
    assert generator.predict(given) == wide.predict(given)


def test_who_is_dropped_leaves_and_the_others_go_on(load: Any) -> None:
    generator = load()
    given = inputs(generator, *TEXTS)
    alone = generator.predict(given)
    tickets = generator.begin(given)
    told = generator.step()
    generator.drop(tickets[1:2])
    while len(answers_of(told)) < 3:
        told += generator.step()
    assert answers_of(told) == {
        ticket: answer
        for ticket, answer in zip(tickets, alone, strict=True)
        if ticket != tickets[1]
    }


def test_a_text_that_makes_the_step_fail_costs_itself(load: Any) -> None:
    generator = load()
    bad_token = int(generator.decode(payload("kettle")).ids[-1, 0])
    given = inputs(generator, *TEXTS)
    good = [one for one in given if bad_token not in one.ids[:, 0]]
    alone = generator.predict(good)
    assert len(good) == 3
    assert all(bad_token not in words_written(generator, one) for one in good)

    def refuse(_module: Any, arguments: tuple[Any, ...]) -> None:
        if (arguments[0] == bad_token).any():
            raise ArithmeticError("told to raise")

    hook = generator._model.transformer.wte.register_forward_pre_hook(refuse)
    found = generator.predict(given)
    hook.remove()
    (failed,) = [one for one in found if isinstance(one, RecordError)]
    assert failed.reason is Reason.MODEL_ERROR
    assert "told to raise" in failed.detail
    assert [one for one in found if isinstance(one, Generated)] == alone


def test_a_call_leaves_what_was_remembered_as_it_was(load: Any, family: Path) -> None:
    """Whoever is in a batch that fails is asked again, from the same memory."""
    generator = load(family)
    generator.begin(inputs(generator, *TEXTS))
    generator.step()
    generator.step()
    batch = generator._loop._batch

    def held() -> list[torch.Tensor]:
        layers = batch.memory.layers
        return [one for layer in layers for one in (*layer.tokens, *layer.states.values())]

    before = [one.clone() for one in held()]
    _, scores = generator._loop._read(batch)
    _, again = generator._loop._read(batch)
    assert before
    assert all(torch.equal(one, other) for one, other in zip(before, held(), strict=True))
    assert torch.equal(scores, again)


def test_a_model_that_does_not_keep_apart_what_it_reads_writes_in_turn(
    load: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load()._model
    assert can_join(model, 0, 1e-4)
    monkeypatch.setattr(decoding, "joined", lambda memories: _mixed(joined(memories)))
    assert not can_join(model, 0, 1e-4)
    generator = load()
    assert not generator._joins
    monkeypatch.undo()
    given = inputs(generator, *TEXTS)
    assert generator.predict(given) == load().predict(given)


def _mixed(memory: Memory) -> Memory:
    """Each row with what is remembered of its neighbour."""
    rows = torch.arange(len(memory.layers[0].tokens[0])).roll(1)
    return memory.select(rows, 0)


def words_written(generator: TextGenerator, one: Any) -> list[int]:
    (ticket,) = generator.begin([one])
    draft = generator._drafts[ticket][1]
    while draft.stop is None:
        generator.step()
    return draft._tokens


def test_controls_of_a_record_bound_the_writing(load: Any) -> None:
    generator = load()
    whole = generator.predict(inputs(generator, TEXTS[0]))[0]
    (short,) = generator.predict(inputs(generator, TEXTS[0], max_new_tokens=3))
    assert (short.tokens, short.stop) == (3, "length")
    assert whole.text.startswith(short.text)
    (bounded,) = generator.predict(inputs(generator, TEXTS[0], max_new_tokens=4000))
    assert bounded == whole
    word = whole.text.split()[2]
    (stopped,) = generator.predict(inputs(generator, TEXTS[0], stop=(word,)))
    assert stopped.stop == "stop"
    assert word not in stopped.text
    assert whole.text.startswith(stopped.text)
    drawn = generator.predict(inputs(generator, TEXTS[0], temperature=5.0))[0]
    assert drawn != whole


def test_fields_fill_the_template_once(load: Any) -> None:
    styled = load(template="be {style} : {text}", fields={"style": "kind"})
    plain = load(template="be hello : {text}")
    (one,) = inputs(styled, "where is it", fields={"style": "hello"})
    (other,) = inputs(plain, "where is it")
    assert (one.ids == other.ids).all()
    (unset,) = inputs(styled, "where is it")
    assert len(unset.ids)
    assert (len(unset.ids), unset.ids.tolist()) != (len(one.ids), one.ids.tolist())
    (braced,) = inputs(styled, "{style}", fields={"style": "{text}"})
    assert "where" not in words_of(Path(styled._folder)).decode(braced.ids[:, 0])
    with pytest.raises(SetupError, match="mood"):
        load(template="{text}", fields={"mood": "glad"})
    with pytest.raises(ConfigError, match="'text'"):
        Transformers("text-generation", "unused", fields={"text": "taken"})


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (b'{"text": "a", "max_new_tokens": 0}', "max_new_tokens"),
        (b'{"text": "a", "max_new_tokens": "4"}', "max_new_tokens"),
        (b'{"text": "a", "temperature": -1}', "temperature"),
        (b'{"text": "a", "stop": [""]}', "stop"),
        (b'{"text": "a", "stop": ["a","b","c","d","e","f","g","h","i"]}', "stop"),
    ],
)
def test_controls_that_make_no_sense_are_refused(told: bytes, named: str) -> None:
    record = Prompt("prompts", 0, 0, 0, None, told, ())
    with pytest.raises(RecordError, match=named) as refused:
        record.check(Limits())
    assert refused.value.reason is Reason.BAD_ENVELOPE


def test_what_the_model_says_of_its_scores_is_heeded(tmp_path: Path, load: Any) -> None:
    """Penalties, forbidden and forced tokens, for texts of several lengths together."""
    torch.manual_seed(3)
    words = open_ended()
    config = Qwen2Config(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=80,
        initializer_range=0.6,
        **ends(words),
    )
    folder = tmp_path / "qwen"
    model: Any = Qwen2ForCausalLM(config)  # type: ignore[no-untyped-call]  # the library has no types
    model.generation_config.repetition_penalty = 1.6
    model.generation_config.forced_eos_token_id = words.sep_token_id
    model.generation_config.suppress_tokens = [20, 21]
    save(model, words, folder)
    generator = load(folder)
    assert generator._joins
    assert generator._shapes_scores
    library: Any = AutoModelForCausalLM.from_pretrained(folder)
    words = words_of(folder)
    for text, found in zip(TEXTS, generator.predict(inputs(generator, *TEXTS)), strict=True):
        ids = words(text, return_tensors="pt", return_token_type_ids=False)["input_ids"]
        tokens = library.generate(ids, do_sample=False, max_new_tokens=12)[0, ids.shape[1] :]
        assert found.text == words.decode(tokens, skip_special_tokens=True)
        assert found.stop == "end"


def test_a_part_ends_before_what_may_still_change() -> None:
    pieces = {
        1: "don",
        2: " '",
        3: "t",
        4: " go",
        5: " 你",
        6: "好",
        7: "\ufffd",
        8: " END",
        9: "x",
    }

    def decode(tokens: list[int]) -> str:
        return "".join(pieces[token] for token in tokens).replace(" '", "'")

    draft = Draft(decode, ends=[0], most=20, stops=["END"])
    told = [draft.add(token) for token in (1, 2, 3, 4, 5, 6, 7, 8)]
    assert told[:4] == ["", "", "", "don't"]
    assert "".join(told) == draft.text == "don't go 你好\ufffd "
    assert draft.stop == "stop"
