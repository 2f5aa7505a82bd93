"""The way to the API: where it goes, with which key, and what is said when it goes nowhere."""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from openclaw.gateway.api_error import ApiError
from openclaw.gateway.upstream import MAX_ERROR, OAUTH_BETA, Answer, Upstream
from tests.support.certificate import needs_openssl, self_signed
from tests.support.gateway import KEY
from tests.support.messages_answers import Fail, Raw, redirect, say
from tests.support.messages_api import MessagesApi
from tests.support.receiver import closed_port
from tests.support.web import web_server

VERSION = {"anthropic-version": "2023-06-01"}
BODY = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).encode()


class Body(io.BytesIO):
    def __len__(self) -> int:
        return len(self.getvalue())


@contextmanager
def upstream(url: str, **options: object) -> Iterator[Upstream]:
    with closing(Upstream(url, **options)) as upstream:  # type: ignore[arg-type]  # as the test gives them
        yield upstream


def ask(api: Upstream, **fields: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    return api.post("/v1/messages", {**VERSION, **given}, Body(BODY))


def read(answer: Answer) -> bytes:
    with closing(answer):
        data = b""
        while piece := answer.read():
            data += piece
        return data


class TestTheKey:
    def test_a_key_is_shown_as_one(self, api: MessagesApi) -> None:
        with upstream(api.url, api_key=KEY) as way:
            read(ask(way))
        headers = api.next().headers
        assert headers["x-api-key"] == KEY
        assert "authorization" not in headers
        assert "anthropic-beta" not in headers

    @pytest.mark.parametrize(
        ("given", "sent"),
        [("", OAUTH_BETA), ("a-1,b-2", f"a-1,b-2,{OAUTH_BETA}"), (f"{OAUTH_BETA},a-1", f"{OAUTH_BETA},a-1")],
    )
    def test_a_subscriptions_token_is_borne_with_the_beta_that_it_needs(
        self, api: MessagesApi, given: str, sent: str
    ) -> None:
        with upstream(api.url, oauth_token=KEY) as way:
            read(ask(way, **({"anthropic_beta": given} if given else {})))
        headers = api.next().headers
        assert headers["authorization"] == f"Bearer {KEY}"
        assert headers["anthropic-beta"] == sent
        assert "x-api-key" not in headers

    def test_of_both_the_key_is_taken(self, api: MessagesApi) -> None:
        with upstream(api.url, api_key=KEY, oauth_token="another") as way:
            read(ask(way))
        headers = api.next().headers
        assert (headers["x-api-key"], "authorization" in headers) == (KEY, False)

    def test_a_local_model_gets_none(self, api: MessagesApi) -> None:
        with upstream(api.url) as way:
            read(ask(way))
        headers = api.next().headers
        assert not {"x-api-key", "authorization"} & headers.keys()


class TestTheAddress:
    def test_without_one_it_is_anthropics(self) -> None:
        with upstream("") as way:
            assert way.host == "api.anthropic.com"

    @pytest.mark.parametrize("end", ["", "/"])
    def test_a_path_stays_before_that_of_the_api(self, nothing_is_left: None, end: str) -> None:
        with MessagesApi(prefix="/llm/anthropic") as api, upstream(api.url + end) as way:
            assert ask(way).status == 200
            assert api.next().target == "/llm/anthropic/v1/messages"

    def test_a_proxy_in_the_environment_is_not_asked(self, api: MessagesApi, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
        with upstream(api.url) as way:
            assert ask(way).status == 200

    def test_a_redirect_is_not_followed_and_says_what_to_set(self, api: MessagesApi) -> None:
        with MessagesApi() as elsewhere:
            api.answers.append(redirect(f"{elsewhere.url}/v1/messages"))
            with upstream(api.url, api_key=KEY) as way, pytest.raises(ApiError) as caught:
                ask(way)
            assert elsewhere.asked.empty()
        assert caught.value.status == 502
        assert "redirect (307), which is not followed: set ANTHROPIC_BASE_URL" in str(caught.value)
        assert ("x-should-retry", "false") in caught.value.headers

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
    def test_so_does_an_answer_that_the_api_would_not_give(self, api: MessagesApi, answer: bytes) -> None:
        """Of the first one the rest of the head is missing, which reads like one without any field."""
        api.answers.append(Raw(answer))
        with upstream(api.url, api_key=KEY) as way, pytest.raises(ApiError, match="set ANTHROPIC_BASE_URL") as caught:
            ask(way)
        assert caught.value.status == 502


class TestConnections:
    def test_they_are_used_again(self, api: MessagesApi) -> None:
        with upstream(api.url) as way:
            for _ in range(3):
                read(ask(way))
        assert len({api.next().port for _ in range(3)}) == 1

    def test_one_that_was_closed_while_it_was_idle_is_replaced_before_anything_is_sent(self) -> None:
        def serve(server: socket.socket) -> None:
            for _ in range(2):  # one request for each connection, whatever it says
                connection, _ = server.accept()
                with connection:
                    heads.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 2\r\n\r\n{}")
                closed.release()

        heads: list[bytes] = []
        closed = threading.Semaphore(0)
        with listening(serve) as url, upstream(url) as way:
            for _ in range(2):
                assert read(ask(way)) == b"{}"
                assert closed.acquire(timeout=10)
        assert len(heads) == 2

    @pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n"])
    def test_a_request_that_was_sent_is_never_sent_again(self, api: MessagesApi, answer: bytes) -> None:
        with upstream(api.url, api_key=KEY) as way:
            read(ask(way))
            api.answers.extend([Raw(answer), say("a second try")])
            with pytest.raises(ApiError) as caught:
                ask(way)
        assert caught.value.status == 502
        assert api.asked.qsize() == 2


class TestSilence:
    def test_nobody_there_is_named_without_the_key(self) -> None:
        port = closed_port()
        with upstream(f"http://127.0.0.1:{port}/secret", api_key=KEY) as way, pytest.raises(ApiError) as caught:
            ask(way)
        assert caught.value.status == 502
        assert str(caught.value) == (
            f"127.0.0.1:{port} does not answer: Connection refused."
            " Check this machine's network and, where it is set, ANTHROPIC_BASE_URL"
        )

    def test_a_name_that_nobody_knows_is_told(self) -> None:
        with upstream("http://no-such-host.invalid", api_key=KEY) as way, pytest.raises(ApiError) as caught:
            ask(way)
        assert caught.value.status == 502
        assert "no-such-host.invalid does not answer: " in str(caught.value)

    def test_a_certificate_that_nobody_vouches_for_is_told(self, api: MessagesApi) -> None:
        with upstream(api.url.replace("http:", "https:"), api_key=KEY) as way, pytest.raises(ApiError) as caught:
            ask(way)
        assert caught.value.status == 502
        assert str(caught.value).endswith("name its certificates in SSL_CERT_FILE")

    @needs_openssl
    def test_an_authority_of_ones_own_vouches_where_it_is_named_and_the_environment_says_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cert, tls = self_signed(tmp_path)
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, str(cert))
        with web_server(tls) as web:
            with upstream(web.base, api_key=KEY, authorities=str(cert)) as way, closing(ask(way)) as answer:
                assert answer.status == 501  # it was reached, and knows no POST
            with upstream(web.base, api_key=KEY) as way, pytest.raises(ApiError, match="SSL_CERT_FILE"):
                ask(way)

    def test_an_api_that_says_nothing_is_given_up(self, api: MessagesApi) -> None:
        api.latency_s = 60
        with upstream(api.url, api_key=KEY, silence_s=0.05) as way, pytest.raises(ApiError) as caught:
            ask(way)
        assert caught.value.status == 504
        assert f"127.0.0.1:{api.port} has sent nothing for 0.05 s" in str(caught.value)
        api.next_left()


    @pytest.mark.parametrize(
        ("answer", "told"),
        [(b"", "it hung up without an answer"), (b"SSH-2.0-OpenSSH\r\n", "what it says is not HTTP")],
    )
    def test_who_speaks_no_http_is_told_in_words(self, api: MessagesApi, answer: bytes, told: str) -> None:
        api.answers.append(Raw(answer))
        with upstream(api.url) as way, pytest.raises(ApiError, match=f"does not answer: {told}"):
            ask(way)


class TestErrors:
    @pytest.mark.parametrize(
        ("credential", "told"),
        [
            ({"api_key": KEY}, "check ANTHROPIC_API_KEY"),
            ({"oauth_token": KEY}, "check CLAUDE_CODE_OAUTH_TOKEN"),
            ({}, "no key is set: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN"),
        ],
    )
    def test_a_key_that_is_refused_is_named(self, api: MessagesApi, credential: dict[str, str], told: str) -> None:
        api.answers.append(Fail(401, "no"))
        with upstream(api.url, **credential) as way, closing(ask(way)) as answer:
            _, headers = answer.read_error()
            assert way.complaint(401).endswith(f"answers 401: {told}")
        assert dict(headers)["x-openclaw-hint"] == told

    def test_a_key_that_is_repeated_is_taken_out(self, api: MessagesApi) -> None:
        api.answers.append(Fail(401, f"the key {KEY} is none; Bearer {KEY} neither"))
        with upstream(api.url, api_key=KEY) as way, closing(ask(way)) as answer:
            body, _ = answer.read_error()
        assert json.loads(body)["error"]["message"] == "the key [redacted] is none; Bearer [redacted] neither"

    def test_a_placeholder_of_a_key_blanks_out_no_words(self, api: MessagesApi) -> None:
        api.answers.append(Fail(400, "what an error"))
        with upstream(api.url, api_key="a") as way, closing(ask(way)) as answer:
            body, _ = answer.read_error()
        assert json.loads(body)["error"]["message"] == "what an error"

    @pytest.mark.parametrize(
        ("fields", "sent", "told"),
        [
            ("Content-Type: text/html", b"<p>\n Bad %s gateway" % KEY.encode(), "Bad [redacted] gateway"),
            ("Content-Type: text/html", b"<!doctype html><style>a { b: c }</style><h1>Not found", "Not found"),
            ("Content-Type: text/plain", b"1 < 2", "1 < 2"),
            ("Content-Type: text/plain", b"", "it gives no reason"),
            ("Content-Type: application/json", b"", "it gives no reason"),
            ("Content-Type: application/json\r\nContent-Encoding: gzip", b"\x1f\x8b", "it gives no reason"),
            ("Content-Type: text/plain", b"\xff" * 10, "�" * 10),
            ("Content-Type: application/json", b" " * 995 + KEY.encode() + b"x" * MAX_ERROR, "[reda"),
        ],
    )
    def test_one_that_is_not_in_the_apis_form_is_put_into_it(
        self, api: MessagesApi, fields: str, sent: bytes, told: str
    ) -> None:
        head = f"HTTP/1.1 503 Away\r\n{fields}\r\nRetry-After: 5\r\nContent-Length: {len(sent)}\r\n\r\n"
        api.answers.append(Raw(head.encode() + sent))
        with upstream(api.url, api_key=KEY) as way, closing(ask(way)) as answer:
            body, headers = answer.read_error()
        error = json.loads(body)["error"]
        assert error["type"] == "api_error"
        assert error["message"].startswith(f"127.0.0.1:{api.port} answers 503: {told}")
        assert KEY[:8] not in error["message"]
        assert len(error["message"]) < 400
        assert dict(headers) == {"content-type": "application/json", "retry-after": "5"}

    def test_one_that_is_cut_short_is_told_all_the_same(self, api: MessagesApi) -> None:
        head = b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        api.answers.append(Raw(head + b'{"type": "err'))
        with upstream(api.url) as way, closing(ask(way)) as answer:
            body, _ = answer.read_error()
        assert "answers 500: {" in json.loads(body)["error"]["message"]

    @pytest.mark.parametrize("encoding", ["gzip", "identity, BR"])
    def test_an_answer_that_is_packed_is_not_passed_on_since_the_key_cannot_be_found_in_it(
        self, api: MessagesApi, encoding: str
    ) -> None:
        sent = gzip.compress(KEY.encode())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(sent)}"
        api.answers.append(Raw(head.encode() + b"\r\n\r\n" + sent))
        with upstream(api.url, api_key=KEY) as way, pytest.raises(ApiError, match="turn compression off") as caught:
            ask(way)
        assert caught.value.status == 502
        assert f"({encoding.rpartition(' ')[2].lower()})" in str(caught.value)

    def test_one_that_says_that_it_is_not_packed_is_passed_on(self, api: MessagesApi) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n"
        api.answers.append(Raw(head.encode() + b"ok"))
        with upstream(api.url, api_key=KEY) as way:
            assert read(ask(way)) == b"ok"

    def test_a_key_in_a_header_is_taken_out_too(self, api: MessagesApi) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: a\r\nRequest-Id: {KEY}\r\nContent-Length: 0\r\n\r\n"
        api.answers.append(Raw(head.encode()))
        with upstream(api.url, api_key=KEY) as way, closing(ask(way)) as answer:
            assert dict(answer.headers)["request-id"] == "[redacted]"

    def test_a_header_on_several_lines_is_passed_on_as_one(self, api: MessagesApi) -> None:
        api.answers.append(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: a;\r\n  b\r\nContent-Length: 0\r\n\r\n"))
        with upstream(api.url) as way, closing(ask(way)) as answer:
            assert answer.headers == (("content-type", "a; b"),)


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server by hand, on a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()
