"""Faust as its tutorial has it: an agent that is handed one event after another."""

from __future__ import annotations

from typing import Any

from benchmarks.engine.faust_app import make_app
from benchmarks.engine.workload import answer_one

app, events, answers = make_app()


@app.agent(events)
async def answer(stream: Any) -> None:
    """Answer each event under its key."""
    async for event in stream.events():
        await answers.send(key=event.key, value=answer_one(event.value))


if __name__ == "__main__":
    app.main()
