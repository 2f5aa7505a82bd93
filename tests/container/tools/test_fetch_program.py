"""The fetching behind WebFetch: public addresses only, bounded in every way, and pages as somebody would read them."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_runner.tools import fetch_program
from agent_runner.tools.fetch_program import MAX_BODY, MAX_REDIRECTS, MAX_TEXT, Refused, fetch, is_public, text_of_html
from tests.support.certificate import needs_openssl, self_signed
from tests.support.web import Page, Web, web_server

TIMEOUT = 10.0


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


@pytest.fixture
def everything_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_program, "is_public", lambda _: True)


# Which addresses


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.17.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1"),
        *("0.0.0.0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"),
        *("2001:db8::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"),  # the last is Teredo of 127.0.0.1
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_not_fetched_whatever_it_is_called(web: Web, host: str) -> None:
    with pytest.raises(Refused, match=r"only public addresses are fetched|the name .* is not known"):
        fetch(f"http://{host}:{web.port}/", TIMEOUT)
    assert not web.asked


def test_a_redirect_leads_to_no_place_that_is_not_public(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_program, "is_public", lambda address: str(address) == "127.0.0.1")
    web.pages["/"] = Page(status=302, headers=(("Location", "http://127.0.0.2/secret"),))

    with pytest.raises(Refused, match=r"127\.0\.0\.2 is 127\.0\.0\.2; only public"):
        fetch(web.base.replace("localhost", "127.0.0.1") + "/", TIMEOUT)


def test_exactly_the_address_that_was_checked_is_connected_to(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["127.0.0.1", "10.0.0.1"])
    looked_up: list[str] = []

    def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(fetch_program, "is_public", lambda address: str(address) == "127.0.0.1")
    web.pages["/"] = Page(b"hi")

    assert fetch(f"http://rebinding.example:{web.port}/", TIMEOUT)["text"] == "hi"
    assert looked_up == ["rebinding.example"]
    assert web.asked[0][1]["Host"] == f"rebinding.example:{web.port}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        *((url, "is no http or https address") for url in ("file:///etc/passwd", "ftp://x/", "x", "http://", "//x/y")),
        *((url, "is no http or https address") for url in ("http://x:99999/", "http://[::1/", "gopher://x", "http://x:0/")),
        *((url, "user's name") for url in ("http://a:b@example.com/", "https://a@example.com/")),
    ],
)
def test_what_is_no_address_of_a_page_is_said(url: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        fetch(url, TIMEOUT)


# What is fetched


@pytest.mark.usefixtures("everything_is_public")
def test_a_page_is_fetched_with_its_text(web: Web) -> None:
    web.pages["/a?q=1"] = Page("<title>Für</title><p>hallo".encode())

    assert fetch(f"{web.base}/a?q=1#part", TIMEOUT) == {
        "url": f"{web.base}/a?q=1#part", "status": 200, "text": "Für\n\nhallo", "cut": False,
    }  # fmt: skip
    assert web.asked[0][1]["Host"] == f"localhost:{web.port}"


@pytest.mark.usefixtures("everything_is_public")
def test_an_address_may_be_written_as_people_write_it(web: Web) -> None:
    web.pages["/f%C3%BCr%20dich"] = Page(b"hi")

    assert fetch(f"{web.base}/für dich", TIMEOUT)["text"] == "hi"


@pytest.mark.usefixtures("everything_is_public")
def test_redirects_are_followed_and_told_as_far_as_is_sensible(web: Web) -> None:
    for number in range(MAX_REDIRECTS + 1):
        web.pages[f"/{number}"] = Page(status=301, headers=(("Location", f"{number + 1}"),))
    web.pages[f"/{MAX_REDIRECTS + 1}"] = Page(b"there")

    assert fetch(f"{web.base}/1", TIMEOUT)["url"] == f"{web.base}/{MAX_REDIRECTS + 1}"
    with pytest.raises(Refused, match=f"more than {MAX_REDIRECTS} redirects"):
        fetch(f"{web.base}/0", TIMEOUT)


@pytest.mark.usefixtures("everything_is_public")
def test_a_redirect_leads_to_web_pages_only(web: Web) -> None:
    web.pages["/"] = Page(status=302, headers=(("Location", "file:///etc/passwd"),))

    with pytest.raises(Refused, match="no http or https"):
        fetch(web.base + "/", TIMEOUT)


@pytest.mark.usefixtures("everything_is_public")
def test_an_error_page_is_given_with_its_status(web: Web) -> None:
    assert fetch(f"{web.base}/missing", TIMEOUT) == {
        "url": f"{web.base}/missing", "status": 404, "text": "no such page", "cut": False,
    }  # fmt: skip


@pytest.mark.usefixtures("everything_is_public")
@pytest.mark.parametrize(
    ("page", "text"),
    [
        (Page("für".encode("latin-1"), "text/plain; charset=latin-1"), "für"),
        (Page('<meta charset="latin-1"><p>für'.encode("latin-1"), "text/html"), "für"),
        (Page("für".encode(), "text/plain; charset=nonsense"), "für"),
        (Page(b'{"a": 1}', "application/json"), '{"a": 1}'),
        (Page(b"<a>1</a>", "application/rss+xml"), "<a>1</a>"),
        (Page(gzip.compress(b"packed"), "text/plain", headers=(("Content-Encoding", "gzip"),)), "packed"),
        (Page(zlib.compress(b"packed"), "text/plain", headers=(("Content-Encoding", "deflate"),)), "packed"),
    ],
)
def test_text_is_read_as_it_is_meant(web: Web, page: Page, text: str) -> None:
    web.pages["/"] = page

    assert fetch(web.base + "/", TIMEOUT)["text"] == text


@pytest.mark.usefixtures("everything_is_public")
@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(b"\x89PNG", "image/png"), "gives image/png of 4 bytes, which is no text"),
        (Page(b"a\0b", "text/plain"), "which is no text"),
        (Page(b"x", "text/plain", headers=(("Content-Encoding", "br"),)), "packed as br"),
    ],
)
def test_what_is_no_text_is_said(web: Web, page: Page, said: str) -> None:
    web.pages["/"] = page

    with pytest.raises(Refused, match=said):
        fetch(web.base + "/", TIMEOUT)


@pytest.mark.usefixtures("everything_is_public")
def test_no_more_is_read_and_unpacked_than_is_bearable(web: Web) -> None:
    bomb = gzip.compress(b"x" * (MAX_BODY + 1))
    web.pages["/long"] = Page(b"x" * (MAX_BODY + 1), "text/plain")
    web.pages["/bomb"] = Page(bomb, "text/plain", headers=(("Content-Encoding", "gzip"),))

    for path in ("/long", "/bomb"):
        answer = fetch(web.base + path, TIMEOUT)
        assert answer["cut"]
        assert len(answer["text"]) == MAX_TEXT


@pytest.mark.usefixtures("everything_is_public")
def test_a_page_that_breaks_off_is_given_as_far_as_it_came_and_said(web: Web) -> None:
    web.pages["/"] = Page(b"half", "text/plain", length=100)

    answer = fetch(web.base + "/", TIMEOUT)

    assert (answer["text"], answer["cut"]) == ("half", True)


@needs_openssl
@pytest.mark.usefixtures("everything_is_public")
def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, context = self_signed(tmp_path)
    with web_server(context) as web:
        web.pages["/"] = Page(b"hi")
        with pytest.raises(ssl.SSLCertVerificationError):
            fetch(web.base + "/", TIMEOUT)
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        assert fetch(web.base + "/", TIMEOUT)["text"] == "hi"
        with pytest.raises(ssl.SSLCertVerificationError):
            fetch(web.base.replace("localhost", "127.0.0.1") + "/", TIMEOUT)


# HTML


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two", "One\n\nTwo"),
        ("a <b>bold</b>  word\n and more", "a bold word and more"),
        ("<script>x</script>a<style>b{}</style><noscript>c</noscript>", "a"),
        ("<head><title> The\n title </title><style>x</style></head><body>text", "The title\n\ntext"),
        ("<head><title>t</title><p>the head is not closed", "t\n\nthe head is not closed"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<pre>def f():\n    return 1\n</pre>", "def f():\n    return 1"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a | b |\n\nc |"),
        ('<a href="https://x.org/y">here</a> and <a href="/z">there</a>', "here (https://x.org/y) and there"),
        ("a &lt;b&gt; &amp; c&nbsp;d", "a <b> & c d"),
        ("<p>unclosed <b>tags <i>everywhere", "unclosed tags everywhere"),
        ("</p></div></a>", ""),
        ("", ""),
    ],
)
def test_html_becomes_what_somebody_would_read(html: str, text: str) -> None:
    assert text_of_html(html) == text
