"""The fetching behind WebFetch: a program of its own, since names, servers and pages may each take for ever.

    python -I -S fetch_program.py < request.json > answer.json

The request: {"url", "alarm_s"}. The answer: {"url", "status", "text", "cut"}, `url` being the last one of a row of
redirects, or {"error"}. Only public addresses are spoken to: a name's addresses are looked up here, and exactly what
was checked is connected to. Imports nothing of the project.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import re
import resource
import signal
import socket
import ssl
import sys
import zlib
from html.parser import HTMLParser
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

MAX_REDIRECTS = 5
MAX_BODY = 8 * 1024 * 1024
"""Bytes of a page that are read, and that they may be unpacked to."""
MAX_TEXT = 200_000
"""Characters of text that are given."""
MEMORY = 1024 * 1024 * 1024
"""Bytes of address space."""
PORTS = {"http": 80, "https": 443}

_REDIRECTS = (301, 302, 303, 307, 308)
_SILENT = frozenset({"script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "head"})
_BLOCKS = frozenset({
    *("address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "div", "dl", "dt", "fieldset"),
    *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main"),
    *("nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"),
})  # fmt: skip
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):  # its text is the answer's "error"
    """What is not fetched, and why."""


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet, also where it wraps an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def addresses(host: str, port: int) -> list[tuple[int, str]]:
    """(family, address) of a host. Raises Refused where one of them is not public, or there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(f"the name {host} is not known: {error}") from None
    given = list(dict.fromkeys((int(family), str(where[0])) for family, _, _, _, where in found))
    for _, address in given:
        if not is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise Refused(f"{host} is {address}; only public addresses are fetched, no private and no local ones")
    return given


class Connection(http.client.HTTPConnection):
    """To one of the addresses that were checked. `seconds` bound each wait; the program's alarm bounds the whole."""

    def __init__(self, scheme: str, host: str, port: int, seconds: float) -> None:
        self.default_port = PORTS[scheme]  # is not repeated in the Host header
        super().__init__(host, port, timeout=seconds)
        self._scheme = scheme

    def connect(self) -> None:
        failure: OSError = OSError("no address")
        for family, address in addresses(self.host, self.port):
            plain = socket.socket(family, socket.SOCK_STREAM)
            plain.settimeout(self.timeout)
            try:
                plain.connect((address, self.port))
            except OSError as error:
                plain.close()
                failure = error
                continue
            self.sock = plain
            if self._scheme == "https":
                self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
            return
        raise failure


def fetch(url: str, seconds: float) -> dict[str, Any]:
    """The page's text. Raises Refused, OSError or http.client.HTTPException."""
    for _ in range(MAX_REDIRECTS + 1):
        parts = split(url)
        assert parts.hostname is not None
        port = parts.port or PORTS[parts.scheme]
        with contextlib.closing(Connection(parts.scheme, parts.hostname, port, seconds)) as connection:
            target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("GET", target, headers={
                "User-Agent": "openclaw", "Accept": "text/html, text/*, application/json, */*;q=0.1",
                "Accept-Encoding": "identity",
            })  # fmt: skip
            response = connection.getresponse()
            there = response.getheader("Location")
            if response.status not in _REDIRECTS or not there:
                return {"url": url, "status": response.status, **page(response)}
            url = urljoin(url, there)
    raise Refused(f"more than {MAX_REDIRECTS} redirects; the last one leads to {url[:500]}")


def split(url: str) -> SplitResult:
    """The parts of an address that may be fetched, in ASCII. Raises Refused."""
    try:
        parts = urlsplit(url.partition("#")[0])
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
        parts = urlsplit(re.sub(r"[^!-~]+", _quoted, urlunsplit(parts._replace(netloc=host))))
        usable = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Refused(f"{url[:500]} is no http or https address")
    if parts.username is not None or parts.password is not None:
        raise Refused("an address with a user's name or password in it is not fetched")
    return parts


def _quoted(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def page(response: http.client.HTTPResponse) -> dict[str, Any]:
    """The text of what was answered. Raises Refused where it is no text."""
    kind = response.headers.get_content_type()
    body = response.read(MAX_BODY + 1)
    cut = len(body) > MAX_BODY or bool(response.length)  # what is left of the length that was told
    packing = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if packing in ("gzip", "x-gzip", "deflate"):  # although it was not asked for
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32 if packing != "deflate" else zlib.MAX_WBITS)
        body = unpacker.decompress(body, MAX_BODY)
        cut = cut or bool(unpacker.unconsumed_tail)
    elif packing != "identity":
        raise Refused(f"the page is packed as {packing}, which is not understood")
    body = body[:MAX_BODY]
    if not is_text(kind) or b"\0" in body[:1024]:
        raise Refused(f"the address gives {kind} of {len(body)} bytes, which is no text")
    text = decode(body, response.headers.get_content_charset())
    if kind in ("text/html", "application/xhtml+xml"):
        text = text_of_html(text)
    return {"text": text[:MAX_TEXT], "cut": cut or len(text) > MAX_TEXT}


def is_text(kind: str) -> bool:
    """By the media type."""
    subtype = kind.partition("/")[2]
    data = subtype in ("json", "xml", "javascript", "x-ndjson", "yaml", "toml") or subtype.endswith(("+json", "+xml"))
    return data or kind.startswith("text/")


def decode(body: bytes, charset: str | None) -> str:
    """By the charset that is told, in the headers or at the beginning of a page, else UTF-8."""
    told = re.search(rb"""<meta[^>]{0,200}charset=["']?([\w-]{1,40})""", body[:4096], re.I)
    for name in (charset, told[1].decode() if told else None):
        if name:
            with contextlib.suppress(LookupError):
                return body.decode(name, errors="replace")
    return body.decode(errors="replace")


class _Text(HTMLParser):
    """Collects the text of a page: blocks on lines of their own, links with where they lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self._pieces: list[str] = []
        self._silent: list[str] = []  # the elements without text that are open
        self._links: list[str] = []
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if (tag == "body" or tag in _BLOCKS) and self._silent == ["head"]:
            self._silent.clear()  # its end may be left out
        if tag in _SILENT or (tag == "title" and self._silent in ([], ["head"])):
            self._silent.append(tag)
        elif tag in _BLOCKS:
            self._add("\n- " if tag == "li" else "\n")
            self._pre += tag == "pre"
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in _BLOCKS:
            self._add("\n")
            self._pre = max(0, self._pre - (tag == "pre"))
        elif tag in ("td", "th"):
            self._add(" | ")
        elif tag == "a" and self._links:
            where = self._links.pop()
            if where.startswith(("http://", "https://")) and not self._silent:
                self._add(f" ({where})")

    def handle_data(self, data: str) -> None:
        if self._silent[-1:] == ["title"]:
            self.title += data
        elif self._pre and not self._silent:
            self._add(data)
        elif not self._silent:
            text = re.sub(r"\s+", " ", data)
            follows_space = not self._pieces or self._pieces[-1][-1:] in (" ", "\n")
            self._add(text.lstrip() if follows_space else text)

    def _add(self, piece: str) -> None:
        self._pieces.append(piece)  # audit: ok 6.2 of one page, whose size is bounded; then the program ends

    def text(self) -> str:
        lines = "".join(self._pieces).split("\n")
        return re.sub(r"\n{3,}", "\n\n", "\n".join(map(str.rstrip, lines))).strip("\n")


def text_of_html(html: str) -> str:
    """What somebody would read of a page, below its title."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    title = " ".join(parser.title.split())
    return f"{title}\n\n{parser.text()}" if title else parser.text()


def main() -> dict[str, Any]:
    request = json.load(sys.stdin)
    signal.alarm(request["alarm_s"])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        return fetch(request["url"], request["alarm_s"])
    except Refused as refused:
        return {"error": str(refused)}
    except (OSError, http.client.HTTPException, zlib.error) as error:
        return {"error": f"the page cannot be had: {error or type(error).__name__}"}


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
