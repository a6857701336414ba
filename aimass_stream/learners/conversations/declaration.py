"""The declaration of conversations; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import require, require_at_least, settings_of
from aimass_stream.records import PromptText


@dataclass(frozen=True)
class Conversations(Learner[PromptText]):
    r"""Remembers what was said under each key, and makes prompts of it for a model that writes.

    ```python
    chats = Conversations("chats", replies="replies", opening="You answer briefly.\n")
    app.feed(chats, messages)
    app.feed(chats, replies)
    ```

    Its log holds messages (`Text` or `Prompt` records) and the replies of a model (`Generated`),
    all keyed by conversation. A message is answered with the prompt that it makes: the opening,
    the latest turns, and where the reply begins. A reply is learnt and answered with None. It
    stands behind the message whose record it answers, however many came since; one whose message
    is forgotten counts for nothing.

    Attributes:
        replies: the topic that replies come from; whatever comes from another is a message.
        opening: what every prompt begins with.
        message: how a message is written, `{text}` in it.
        reply: how a reply is written; a prompt ends where its `{text}` would stand.
        turns: messages of a conversation that are remembered, with their replies.
        turn_chars: characters of a message or reply that are remembered, from its beginning.
        keys: conversations remembered; the longest silent go first.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.conversations.state:ConversationsState"

    name: str
    _: KW_ONLY
    replies: str
    opening: str = ""
    message: str = "User: {text}\n"
    reply: str = "Assistant: {text}\n"
    turns: int = 8
    turn_chars: int = 2_000
    keys: int = 10_000
    block_rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, turns=1, turn_chars=1, keys=1)
        for name in ("message", "reply"):
            holds = getattr(self, name).count("{text}") == 1
            require(self, holds=holds, otherwise=f"{name} must hold {{text}} once")
        require(self, holds=bool(self.replies), otherwise="replies must name a topic")

    @property
    def answer_type(self) -> type[PromptText]:
        """A prompt."""
        return PromptText

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
