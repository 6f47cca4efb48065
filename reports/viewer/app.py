"""The viewer's server: a Starlette application over runs that are named when it starts.

Invariants: a run is found by its name among those, so no address reaches another file; nothing is written but labels,
and these only by a page of this server; a request that names another host by name is refused, so that a stranger's page
cannot have its own name point here (DNS rebinding); no page loads anything from elsewhere.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ...errors import AkrasiaError, BadOption, MissingExtra, UnknownName
from ...ledger import read_ledger
from ..html import render_report
from ..page_charts import RunSteps
from .beside import whole_prompt
from .links import Links
from .listing import Query, read_query
from .pages import STATIC, error_page, home_page, label_page, run_page, scorecard_part, step_page, steps_page
from .search import TextHits
from .viewed_run import RunState, ViewedRun

try:
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send
except ImportError as error:
    raise MissingExtra.of("starlette", "viewer") from error

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The report's own policy, in its head, allows its one script by its hash, and both hold.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
MOST_BYTES = 20_000  # of a label


def viewer_app(runs: Sequence[ViewedRun], host: str = "127.0.0.1", labels: bool = True) -> Any:
    """The viewer as an ASGI application.

    Args:
        runs: their names are unique.
        host: the name under which it may be asked for, beside localhost and addresses in numbers.
        labels: whether people may give labels; without it nothing at all is written.
    """
    return _Viewer(runs, secrets.token_urlsafe(24) if labels else "").app(host)


class _HostCheck:
    """Refuses requests whose Host is a name other than the server's own, and gives every answer its headers."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self.app, self.names = app, {n.casefold() for n in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        named = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"host"), "")
        if not self._is_own(named):
            refusal = PlainTextResponse(
                "This viewer is not known under that name: use the address that it printed.", status_code=421
            )
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                present = {k for k, _ in message["headers"]}
                message["headers"] += [(k, v) for k, v in _HEADERS if k not in present]
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _is_own(self, named: str) -> bool:
        """Whether a Host header is a number, which no name server can point elsewhere, or a name of the server's."""
        host = named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() else named
        try:
            ip_address(host.strip("[]"))
        except ValueError:
            return host.casefold() in self.names
        return True


_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
Page = Callable[[ViewedRun, Request], Response]


class _Viewer:
    """The routes."""

    def __init__(self, runs: Sequence[ViewedRun], token: str) -> None:
        self.runs: Mapping[str, ViewedRun] = {run.name: run for run in runs}
        self.token = token

    def app(self, host: str) -> Starlette:
        pages: list[tuple[str, Page]] = [
            ("/{run}/", self.run),
            ("/{run}/scorecard", self.scorecard),
            ("/{run}/report", self.report),
            ("/{run}/state", self.state),
            ("/{run}/steps", self.steps),
            ("/{run}/step-{code}", self.step),
            ("/{run}/text-{key}", self.text),
            ("/{run}/label", self.label),
        ]
        return Starlette(
            routes=[
                Route("/", self.home),
                Route("/static/{name}", self.static),
                *(Route(path, self._of_run(page)) for path, page in pages),
                Route("/{run}/labels", self.keep_label, methods=["POST"]),
            ],
            middleware=[
                Middleware(_HostCheck, names=["localhost", host]),
                Middleware(GZipMiddleware, minimum_size=2_000, compresslevel=4),
            ],
            exception_handlers={404: self._not_found, AkrasiaError: self._failed},
        )

    def home(self, request: Request) -> Response:
        return HTMLResponse(home_page(list(self.runs.values()), Links()))

    def static(self, request: Request) -> Response:
        known = STATIC.get(request.path_params["name"])
        if known is None:
            return self._not_found(request, None)
        return FileResponse(known[0], media_type=known[1], headers={"cache-control": "no-cache"})

    def _of_run(self, page: Page) -> Callable[[Request], Response]:
        """A page of the run that the address names."""

        def answer(request: Request) -> Response:
            name = request.path_params["run"]
            if name not in self.runs:
                return self._page(Links("-"), UnknownName.among("run", name, self.runs))
            return page(self.runs[name], request)

        return answer

    def run(self, run: ViewedRun, request: Request) -> Response:
        return HTMLResponse(run_page(run, Links(run.name), self.token))

    def scorecard(self, run: ViewedRun, request: Request) -> Response:
        return HTMLResponse(scorecard_part(run, run.state(), Links(run.name)))

    def report(self, run: ViewedRun, request: Request) -> Response:
        state = run.state()
        steps = RunSteps(run.folder, state.steps)
        report = render_report(run.scorecard(state), state.about.experiment, steps, Links(run.name))
        return HTMLResponse(report, headers={"content-security-policy": REPORT_POLICY})

    def state(self, run: ViewedRun, request: Request) -> Response:
        state = run.state()
        told = {"version": state.version, "rows": state.steps.height, "live": state.live}
        return JSONResponse(told | {"indexed": run.search.is_prepared(state.stored)})

    def steps(self, run: ViewedRun, request: Request) -> Response:
        state = run.state()
        query = read_query(request.query_params, state)
        return HTMLResponse(steps_page(run, query, Links(run.name), self._hits(run, state, query)))

    def step(self, run: ViewedRun, request: Request) -> Response:
        state = run.state()
        query = read_query(request.query_params, state)
        if query.other and query.other not in self.runs:
            raise UnknownName.among("run", query.other, self.runs)
        others = [name for name in self.runs if name != run.name]
        page = step_page(
            run,
            request.path_params["code"],
            query,
            Links(run.name),
            self._hits(run, state, query),
            self.runs[query.other] if query.other else None,
            others,
            self.token,
        )
        return HTMLResponse(page)

    def text(self, run: ViewedRun, request: Request) -> Response:
        """The whole texts of an answer, as plain text, which no browser takes for anything else."""
        key = request.path_params["key"]
        with read_ledger(run.folder) as ledger:
            answer = ledger.answer(key)
        if answer is None:
            raise UnknownName(f"there is no answer {key!r}", remedy="Choose one from a situation.")
        parts = {
            "asked": whole_prompt(answer.request.messages)[0],
            "thought": answer.response.reasoning,
            "answered": answer.response.text,
        }
        return PlainTextResponse("\n\n".join(f"=== {name}\n{part}" for name, part in parts.items() if part))

    def label(self, run: ViewedRun, request: Request) -> Response:
        return HTMLResponse(label_page(run, Links(run.name), self.token))

    async def keep_label(self, request: Request) -> Response:
        """Store a label; only a page of this server knows the token, and only a script can send it."""
        run = self.runs.get(request.path_params["run"])
        given = request.headers.get("x-akrasia-token", "")
        if run is None or not self.token or not secrets.compare_digest(given.encode(), self.token.encode()):
            return JSONResponse({"error": "Labels are not kept from here."}, status_code=403)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return JSONResponse({"error": "The label is too long."}, status_code=413)
        try:
            await run_in_threadpool(_keep, run, body)
        except AkrasiaError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"kept": True})

    def _hits(self, run: ViewedRun, state: RunState, query: Query) -> TextHits | None:
        return run.search.find(query.words, state.stored) if query.words else None

    def _page(self, links: Links, error: AkrasiaError) -> Response:
        return HTMLResponse(error_page(links, error.what + (f": {error.why}" if error.why else ""), error.remedy), 404)

    def _not_found(self, request: Request, error: Any) -> Response:
        links = Links("-" if request.url.path.strip("/").count("/") else "")
        return self._page(links, UnknownName("there is no such page", remedy="Begin at the list of runs."))

    def _failed(self, request: Request, error: Any) -> Response:
        return self._page(Links("-"), error)


def _keep(run: ViewedRun, body: bytes) -> None:
    try:
        label = json.loads(body)
        task, model, variant, episode, step = label["step"]
        place = (str(task), str(model), str(variant), int(episode), int(step))
        action, note, blind = str(label["action"]), str(label.get("note", "")), label["blind"] is True
    except (ValueError, KeyError, TypeError) as error:
        raise BadOption("the label cannot be read", repr(error), "Send it from a page of the viewer.") from None
    run.keep_label(place, action, note, blind)
