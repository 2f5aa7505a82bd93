"""Upstream: the Messages API behind the gateway, with the key that only the host has.

Owns the pooled connections; any thread may call, and a call blocks its thread. Of what a container says only a few
header fields go there, and of what is answered only a few come back. Nothing is retried here: the pool replaces a
connection that the other end has closed while it was idle, before anything is sent; whether to ask again after that is
for whoever knows what was shown already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, Protocol
from urllib.parse import urlsplit

import requests

from openclaw import __version__
from openclaw.errors import OpenClawError
from openclaw.gateway.api_error import HINT_FIELD, ApiError, Headers
from openclaw.gateway.redactor import Redactor
from openclaw.http.cut import cause
from openclaw.http.session import BROKEN, BareSession

DEFAULT_URL: Final = "https://api.anthropic.com"

CONNECT_S: Final = 10.0
"""Seconds that a connection to the API may take, for each of its addresses."""

SILENCE_S: Final = 300.0
"""Seconds without a byte after which an answer is given up; the API itself pings more often, and a local model that
reads a long prompt without a word takes minutes. The runner waits a little longer for the first byte (its FIRST), so
that what is said here reaches whoever has asked."""

PIECE: Final = 64 * 1024
"""Most bytes that are passed on at once."""

MAX_ERROR: Final = 256 * 1024
"""Bytes that are read of an answer that is an error."""

KEPT_CONNECTIONS: Final = 100
"""Connections that stay open between calls: one for each of 100 agents."""

OAUTH_BETA: Final = "oauth-2025-04-20"
"""The `anthropic-beta` without which the API takes no subscription's token."""

_TO_UPSTREAM: Final = ("content-type", "accept", "anthropic-version", "anthropic-beta", "user-agent")
_TO_CONTAINER: Final = ("content-type", "retry-after", "request-id", "x-should-retry")
_MIN_SECRET: Final = 6
"""A shorter key is a placeholder for a local model, and would blank out ordinary words."""
_HINT: Final = {
    401: "check {credential}",
    402: "check the account that {credential} belongs to",
    403: "check {credential} and ANTHROPIC_MODEL",
    404: "check ANTHROPIC_BASE_URL and ANTHROPIC_MODEL",
}
_NO_KEY: Final = "no key is set: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN"
_NEVER_AGAIN: Final = (("x-should-retry", "false"),)
_MARKUP: Final = re.compile(r"<(script|style)\b.*?</\1>|<[a-z/!][^>]*>?", re.DOTALL | re.IGNORECASE)


class Broken(OpenClawError):
    """An answer that had begun does not come to its end, and why."""


class Body(Protocol):
    """A request's body, read once, as it comes."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...

    def read(self, size: int, /) -> bytes: ...


class Upstream:
    """The API at `base_url`, whose path is kept as a prefix. With an empty key and token nothing is added.

    `authorities` is a file of those who vouch for it; empty: those of requests.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        api_key: str = "",
        oauth_token: str = "",
        authorities: str = "",
        connect_s: float = CONNECT_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._base = (base_url or DEFAULT_URL).rstrip("/")
        self.host: Final = urlsplit(self._base).netloc.rpartition("@")[2]
        self._secret = api_key or oauth_token
        self._secret_name = "ANTHROPIC_API_KEY" if api_key else "CLAUDE_CODE_OAUTH_TOKEN" if oauth_token else ""
        self._credential: dict[str, str] = {}
        if api_key:
            self._credential = {"x-api-key": api_key}
        elif oauth_token:
            self._credential = {"authorization": f"Bearer {oauth_token}"}
        self._beta = "" if api_key or not oauth_token else OAUTH_BETA
        self._timeout = (connect_s, silence_s)
        self._session = BareSession(KEPT_CONNECTIONS, authorities)
        self._prepared: dict[str, requests.PreparedRequest] = {}  # by target, of which there are few; never changed

    def close(self) -> None:
        """Close what is idle; calls under way end by themselves, or are cut."""
        self._session.close()

    def post(self, target: str, fields: Mapping[str, str], body: Body) -> Answer:
        """Ask for `target`, a path and perhaps a query, with what is allowed of a container's header `fields`.

        The answer is the API's own, errors included; whoever gets it closes it. Raises ApiError where there is none,
        and lets through what `body` raises.
        """
        try:
            request = self._request(target, fields, body)
            response = self._session.send(request, timeout=self._timeout, stream=True, allow_redirects=False)
        except requests.ReadTimeout:
            raise ApiError(504, f"{self.silence}; ask again, or for less at once") from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise ApiError(
                502,
                f"{self.host} does not answer: {cause(error)}. {_advice(error)}",
            ) from error
        answer = Answer(response, self)
        if answer.packed and answer.status < 300:  # the key could not be found in it; of an error nothing is shown then
            answer.close()
            raise ApiError(
                502,
                f"{self.host} packs its answer ({answer.packed}) though it was asked not to, so that it cannot be"
                " looked through for your key: turn compression off in that server, or in the proxy before it",
            )
        fault = ""
        advice: Headers = ()
        if 300 <= answer.status < 400:
            advice = _NEVER_AGAIN
            fault = f"with a redirect ({answer.status}), which is not followed"
        elif answer.status < 300 and not answer.content_type:  # it broke off within its head, or is somebody else's
            fault = f"{answer.status} and does not say with what"
        if fault:
            answer.close()
            words = f"{self.host} answers {fault}: set ANTHROPIC_BASE_URL to the address where the API is"
            raise ApiError(502, words, advice)
        return answer

    @property
    def silence(self) -> str:
        """What is said when nothing has come for too long."""
        return f"{self.host} has sent nothing for {self._timeout[1]:g} s"

    def redact(self, text: str) -> str:
        """`text` without the key: there are servers that repeat it when they do not like it."""
        return text if len(self._secret) < _MIN_SECRET else text.replace(self._secret, "[redacted]")

    def redactor(self) -> Redactor:
        """What does so with an answer that passes by."""
        return Redactor(b"" if len(self._secret) < _MIN_SECRET else self._secret.encode())

    def complaint(self, status: int) -> str:
        """What an error of the API means for the owner of this machine, for the log."""
        hint = self.hint(status)
        return f"{self.host} answers {status}{f': {hint}' if hint else ''}"

    def hint(self, status: int) -> str:
        """What to check where the API answers so, by the name of the key that was sent; empty where nothing helps."""
        if status in (401, 402, 403) and not self._secret_name:
            return _NO_KEY
        return _HINT.get(status, "").format(credential=self._secret_name)

    def _request(self, target: str, fields: Mapping[str, str], body: Body) -> requests.PreparedRequest:
        """A copy of what is the same for each call of `target`: to prepare it anew is a fifth of what asking costs."""
        prepared = self._prepared.get(target)
        if prepared is None:
            prepared = self._session.prepare_request(requests.Request("POST", self._base + target))
            self._prepared[target] = prepared
        request = prepared.copy()
        request.headers.update({**self._headers(fields), "content-length": str(len(body))})
        request.body = body  # type: ignore[assignment]  # it is iterated or read
        return request

    def _headers(self, fields: Mapping[str, str]) -> dict[str, str]:
        headers = {name: fields[name] for name in _TO_UPSTREAM if name in fields}
        headers.setdefault("user-agent", f"openclaw/{__version__}")
        if self._beta and self._beta not in headers.get("anthropic-beta", ""):
            headers["anthropic-beta"] = ",".join(filter(None, (headers.get("anthropic-beta"), self._beta)))
        # Unpacked: what passes by is read, and whatever is packed would have to be unpacked for that.
        return {**headers, "accept-encoding": "identity", **self._credential}


def _advice(error: BaseException) -> str:
    """What to do about it."""
    if isinstance(error, requests.exceptions.SSLError):
        return "Where an authority of your own vouches for it, name its certificates in SSL_CERT_FILE"
    return "Check this machine's network and, where it is set, ANTHROPIC_BASE_URL"


def _packed(encoding: str) -> str:
    """What of a Content-Encoding says that the body is not as it reads, on one line; empty: nothing."""
    names = (name.strip().lower() for name in encoding.split(","))
    return ", ".join(" ".join(name.split()) for name in names if name not in ("", "identity"))[:40]


class Answer:
    """What the API answers, without the key; `read` or `read_error`, then `close`, on one thread."""

    def __init__(self, response: requests.Response, upstream: Upstream) -> None:
        self._response = response
        self._upstream = upstream
        self._redactor = upstream.redactor()
        self.status: Final = response.status_code
        self.content_type: Final = response.headers.get("content-type", "")
        self.packed: Final = _packed(response.headers.get("content-encoding", ""))
        shown = ((name, response.headers[name]) for name in _TO_CONTAINER if name in response.headers)
        # On one line each: one that was folded would not be a header field any more.
        hint = upstream.hint(self.status)
        self.headers: Final[Headers] = (
            *((name, " ".join(upstream.redact(value).split())) for name, value in shown),
            *(((HINT_FIELD, hint),) if hint else ()),
        )

    def read(self) -> bytes:
        """What has come, as soon as anything has; b"" at the end. Raises Broken where that comes too early."""
        try:
            while piece := bytes(self._response.raw.read1(PIECE, decode_content=False)):
                if shown := self._redactor.feed(piece):
                    return shown
            return self._redactor.end()
        except (BROKEN, OSError, ValueError) as error:
            why = self._upstream.silence if isinstance(error.__cause__, TimeoutError) else cause(error)
            raise Broken(f"the answer broke off: {why}") from error

    def read_error(self) -> tuple[bytes, Headers]:
        """The body of an answer that is an error, and its header, without the key.

        One that is not JSON, or is too long or cut short, is told in the API's form instead.
        """
        data, whole = self._read_bounded()
        text = "" if self.packed else self._upstream.redact(data.decode("latin-1"))
        if text and whole and self.content_type.partition(";")[0].strip().lower() == "application/json":
            return text.encode("latin-1"), self.headers
        excerpt = " ".join(_MARKUP.sub(" ", text[:2000]).encode("latin-1").decode("utf-8", "replace").split())[:200]
        kept = tuple((name, value) for name, value in self.headers if not name.startswith("content-"))
        error = ApiError(
            self.status, f"{self._upstream.host} answers {self.status}: {excerpt or 'it gives no reason'}", kept
        )
        return error.body, error.headers

    def _read_bounded(self) -> tuple[bytes, bool]:
        data = bytearray()
        with suppress(Broken):
            while len(data) <= MAX_ERROR:
                piece = self.read()
                if not piece:
                    return bytes(data), True
                data += piece
        return bytes(data[:MAX_ERROR]), False

    def close(self) -> None:
        """Give the connection back where the answer was read to its end, else close it."""
        self._response.close()
