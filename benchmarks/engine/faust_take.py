"""Faust with its batches: `take_events`, which hands over the keys too."""

from __future__ import annotations

from typing import Any

from benchmarks.engine.faust_app import make_app
from benchmarks.engine.workload import BATCH_ROWS, answer_batch

app, events, answers = make_app()


@app.agent(events)
async def answer(stream: Any) -> None:
    """Answer batches, each answer under its event's key."""
    async for batch in stream.take_events(BATCH_ROWS, within=0.1):
        values = answer_batch([event.value for event in batch])
        for event, value in zip(batch, values, strict=True):
            await answers.send(key=event.key, value=value)


if __name__ == "__main__":
    app.main()
