"""Files over HTTP: in by one POST of the bytes as they are, out the records that failed. To each session its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

from bridge.console.bulk_job import BUSY
from bridge.console.sessions import Session, Sessions
from bridge.console.texts import text
from bridge.console.uploads import NoUpload, Uploads

STALLED: Final = 60.0
"""Seconds after which a browser that sends nothing more has gone away."""
_PRIVATE: Final = {"cache-control": "no-store"}


def serve(app: FastAPI, uploads: Uploads, people: Sessions, cookie_name: str) -> None:
    """Add the routes below ``/upload`` to ``app``."""

    def who(request: Request) -> Session | None:
        session = people.get(request.cookies.get(cookie_name))
        return session if session is not None and session.may("bulk-validate") else None

    @app.post("/upload")
    async def take(request: Request) -> Response:
        session = who(request)
        if session is None:
            return _refused(text("bulk.nobody"), 403)
        session.touch()
        try:
            chunks = _chunks(request)
            await uploads.desk(session.key, session).receive(request.headers.get("x-upload-ticket", ""), chunks)
        except NoUpload as error:
            return _refused(str(error), error.status)
        except TimeoutError:
            return _refused(text("bulk.stalled"), 408)
        except ClientDisconnect:
            return Response(status_code=204)  # nobody reads it
        session.touch()
        return Response(status_code=204, headers=_PRIVATE)

    @app.get("/upload/failed")
    async def failed(request: Request) -> Response:
        session = who(request)
        job = None if session is None else uploads.desk(session.key, session).job
        if job is None or job.findings is None or job.phase in BUSY or not job.findings.number:
            return _refused(text("bulk.nothing"), 404)
        name = quote(text("bulk.failed_name", name=job.name), safe="")
        headers = {**_PRIVATE, "content-disposition": f"attachment; filename=\"failed.csv\"; filename*=UTF-8''{name}"}
        return StreamingResponse(job.findings.download(), media_type="text/csv", headers=headers)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises TimeoutError, ClientDisconnect."""
    body = request.stream()
    while True:
        async with asyncio.timeout(STALLED):
            try:
                chunk = await anext(body)
            except StopAsyncIteration:
                return
        yield chunk


def _refused(words: str, status: int) -> Response:
    # What is still to come of the file is not read.
    return PlainTextResponse(words + "\n", status, headers={**_PRIVATE, "connection": "close"})
