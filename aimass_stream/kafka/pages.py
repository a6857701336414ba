"""Pages of a worker, beside Faust's own; on loopback unless an app says otherwise."""

from __future__ import annotations

from faust.web import Request, Response, View
from prometheus_client import generate_latest


async def show_metrics(view: View, request: Request) -> Response:
    """The page `/metrics`, in Prometheus' text format."""
    del request
    return view.bytes(generate_latest(), content_type="text/plain; version=0.0.4")
