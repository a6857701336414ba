"""Pages of a worker: metrics and health, and nothing else; on loopback unless an app says so."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any, Protocol, cast

from aiohttp.web import Request as AiohttpRequest
from aiohttp.web import StreamResponse, TCPSite
from faust.web import Request, Response, View
from faust.web.drivers import aiohttp as driver
from prometheus_client import disable_created_metrics, generate_latest

from aimass_stream.errors import ConfigError
from aimass_stream.runtime.supervisor import SLOT

SERVER = "aimass-stream"
PORTS_TRIED = 100
"""By a supervised worker, after its own."""
MAX_PORT = 65_535


class Pages(driver.Web):
    """Faust's web server without the pages it brings, and without saying what runs here."""

    default_blueprints = ()
    production_blueprints = ()
    debug_blueprints = ()
    optional_blueprints = ()

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self.web_app.on_response_prepare.append(_name_server)
        self._port = 0

    async def start_server(self) -> None:
        """Listen; a port that is taken ends a worker that nobody supervises.

        `aimass worker` gave this one a port that was free, long before it is listened on. Where
        somebody else has it by now, the next one that is free will do.
        """
        # Beside each counter the client would show when it was made, as one more series.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types
        await self._runner.setup()
        first = self.app.conf.web_port
        last = min(first + PORTS_TRIED, MAX_PORT) if SLOT in os.environ else first
        for port in range(first, last + 1):
            self._port = port
            try:
                await self._create_site().start()
            except OSError as error:
                if error.errno == errno.EADDRINUSE and port < last:
                    continue
                cast(Any, self.app).end_worker(
                    ConfigError(
                        f"Port {port} cannot be listened on ({error.strerror or error}). Is "
                        "another worker running? Name another port: AIMASS_WEB_PORT"
                    )
                )
            else:
                if port != first:
                    self.log.warning("port %d was taken meanwhile; metrics on %d", first, port)
            return

    def _new_transport_tcp(self) -> TCPSite:
        """On the port in turn: Faust's asks the settings, which warn of whoever changes them."""
        conf = self.app.conf
        context = conf.web_ssl_context
        return TCPSite(self._runner, conf.web_bind, self._port, ssl_context=context)


class Watched(Protocol):
    """What says how the worker is."""

    @property
    def live_problems(self) -> list[str]:
        """Why it should be started again."""
        ...

    @property
    def ready_problems(self) -> list[str]:
        """Why it answers no records now."""
        ...


async def show_metrics(view: View, request: Request) -> Response:
    """The page `/metrics`, in Prometheus' text format."""
    del request
    return view.bytes(generate_latest(), content_type="text/plain; version=0.0.4")


async def show_live(view: View, request: Request) -> Response:
    """The page `/livez`: 200, or 503 when the worker should be started again."""
    del request
    return _answer(view, _watched(view).live_problems)


async def show_ready(view: View, request: Request) -> Response:
    """The page `/readyz`: 200, or 503 while records are not answered, with the reasons."""
    del request
    return _answer(view, _watched(view).ready_problems)


def _watched(view: View) -> Watched:
    return cast(Watched, cast(Any, view.app).watch)


def _answer(view: View, problems: Sequence[str]) -> Response:
    value = {"status": "failing" if problems else "ok", "reasons": list(problems)}
    return view.json(value, status=503 if problems else 200)


async def _name_server(request: AiohttpRequest, response: StreamResponse) -> None:
    del request
    response.headers["Server"] = SERVER
