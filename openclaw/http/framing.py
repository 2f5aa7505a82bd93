"""HTTP/1.1 requests as they come off the wire (RFC 9112), read strictly: what is ambiguous is refused, never guessed.

Two readers that disagree on where a request ends let one request hide in another, so there is one way to frame a
request here: lines that end with CR LF, one Host, one Content-Length of digits, no Transfer-Encoding.

Pure functions over a buffered stream, called on connection threads. The stream keeps the time: it raises TimeoutError.
After any BadRequest the place of the next request is unknown and the connection must be closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from openclaw.errors import OpenClawError

MAX_REQUEST_LINE = 8 * 1024
MAX_HEADERS = 64
MAX_HEADER_BYTES = 32 * 1024

_LONG_LINE = (414, f"The request line is longer than {MAX_REQUEST_LINE} bytes.")
_LONG_HEADER = (431, f"The header is larger than {MAX_HEADER_BYTES} bytes.")

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FIELD_NAME = re.compile(_TOKEN)
_FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) (HTTP/[0-9]\.[0-9])")
_ORIGIN_FORM = re.compile(r"(/[^?#]*)(?:\?([^#]*))?")
_LENGTH = re.compile(r"[0-9]{1,19}", re.ASCII)


class BadRequest(OpenClawError):
    """A request that is not read on. `status` is the HTTP status that tells its sender why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Stream(Protocol):
    """What is read of an io.BufferedReader."""

    def readline(self, size: int, /) -> bytes: ...

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request up to its body. `fields` has lower-case names; equal ones are joined by a comma, as RFC 9110 has it."""

    method: str
    path: str
    query: str
    fields: dict[str, str]
    content_length: int | None
    keep_alive: bool
    modern: bool
    """HTTP/1.1: its sender understands the chunked transfer coding."""
    expects_continue: bool

    def field(self, name: str) -> str | None:
        """The value of the field `name` (lower case), None where the request has none."""
        return self.fields.get(name)


def read_head(stream: Stream) -> RequestHead:
    """The next request's head.

    Raises BadRequest for what is not strictly HTTP, and EOFError where the stream ends in it.
    """
    method, target, version = _read_request_line(stream)
    fields = _read_fields(stream)
    path, query = _split_target(target)
    modern = version == "HTTP/1.1"
    _check_host(fields, modern)
    length = _content_length(fields)
    options = {option.strip().lower() for option in ",".join(fields.get("connection", ())).split(",")}
    return RequestHead(
        method=method,
        path=path,
        query=query,
        fields={name: ", ".join(values) for name, values in fields.items()},
        content_length=length,
        keep_alive=modern and "close" not in options,
        modern=modern,
        expects_continue=modern and _expects_continue(fields),
    )


def body_length(head: RequestHead, limit: int) -> int:
    """The length of the body that `head` announces, in bytes.

    Raises BadRequest for more than `limit`, and for a POST that does not tell.
    """
    if head.content_length is None:
        if head.method == "POST":
            raise BadRequest(411, "Send the body with a Content-Length.")
        return 0
    if head.content_length > limit:
        raise BadRequest(413, f"The body has {head.content_length} bytes; send at most {limit}.")
    return head.content_length


def read_body(stream: Stream, length: int) -> bytes:
    """Exactly `length` bytes. Raises EOFError where the stream ends before."""
    body = stream.read(length)
    if len(body) < length:
        raise EOFError(f"the request ended after {len(body)} of {length} bytes")
    return body


def _read_line(stream: Stream, limit: int, too_long: tuple[int, str]) -> bytes:
    """One line without its end, of at most `limit` bytes; `too_long` is the status and detail for a longer one."""
    line = stream.readline(limit + 2)
    if not line.endswith(b"\n"):
        if len(line) < limit + 2:
            raise EOFError("the request ended within a line")
        raise BadRequest(*too_long)
    if not line.endswith(b"\r\n"):
        raise BadRequest(400, "End each line with CR LF, not with LF alone.")
    return line[:-2]


def _read_request_line(stream: Stream) -> tuple[str, str, str]:
    # One empty line is allowed before a request: old clients send it behind a body (RFC 9112, 2.2).
    line = _read_line(stream, MAX_REQUEST_LINE, _LONG_LINE) or _read_line(stream, MAX_REQUEST_LINE, _LONG_LINE)
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise BadRequest(400, "The first line must be METHOD /path HTTP/1.1, with single spaces, in plain HTTP.")
    method, target, version = (part.decode("ascii") for part in match.groups())
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise BadRequest(505, f"{version} is not spoken here; use HTTP/1.1.")
    return method, target, version


def _read_fields(stream: Stream) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    left = MAX_HEADER_BYTES
    for _ in range(MAX_HEADERS + 1):
        line = _read_line(stream, left, _LONG_HEADER)
        if not line:
            return fields
        left = max(0, left - len(line) - 2)
        name, value = _split_field(line)
        fields.setdefault(name, []).append(value)
    raise BadRequest(431, f"The header has more than {MAX_HEADERS} fields.")


def _split_field(line: bytes) -> tuple[str, str]:
    """(name in lower case, value) of one field line; a folded line or a space before the colon is no name."""
    name, colon, value = line.partition(b":")
    if not colon or _FIELD_NAME.fullmatch(name) is None:
        raise BadRequest(400, "Each header line must be Name: value, unfolded and without a space before the colon.")
    if _FIELD_VALUE.fullmatch(value) is None:
        raise BadRequest(400, f"The header field {name.decode('ascii')[:80]} holds a control character.")
    return name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")


def _split_target(target: str) -> tuple[str, str]:
    match = _ORIGIN_FORM.fullmatch(target)
    if match is None:
        raise BadRequest(400, "Ask for a path that begins with '/', without scheme, host or '#'.")
    return match[1], match[2] or ""


def _check_host(fields: dict[str, list[str]], modern: bool) -> None:
    hosts = fields.get("host", [])
    if len(hosts) > 1 or (modern and not hosts):
        raise BadRequest(400, f"Send exactly one Host field; this request has {len(hosts)}.")


def _content_length(fields: dict[str, list[str]]) -> int | None:
    lengths = fields.get("content-length", [])
    if "transfer-encoding" in fields:
        if lengths:
            raise BadRequest(400, "Send Content-Length alone, without Transfer-Encoding.")
        raise BadRequest(501, "Transfer-Encoding is not spoken here; send the body with a Content-Length.")
    if not lengths:
        return None
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise BadRequest(400, "Send one Content-Length of digits only.")
    return int(lengths[0])


def _expects_continue(fields: dict[str, list[str]]) -> bool:
    expected = ", ".join(fields.get("expect", ())).lower()
    if expected not in ("", "100-continue"):
        raise BadRequest(417, "Expect takes nothing but 100-continue.")
    return bool(expected)
