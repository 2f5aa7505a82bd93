"""The project as a whole: names over files, effects to callers, hot places to callees."""

from __future__ import annotations

from tests.audit.conftest import Audited

READER = """
    import json

    def limits():
        with open("/etc/openclaw/limits.json") as file:
            return json.load(file)
"""


def rules(result: object) -> list[str]:
    return [finding.rule for finding in result.findings]  # type: ignore[attr-defined]  # a Result, whatever its fixture


def test_what_a_handler_calls_in_another_file_is_run_for_each_request(audited: Audited) -> None:
    result = audited(
        settings=READER,
        server="""
            from http.server import BaseHTTPRequestHandler
            from settings import limits

            class Handler(BaseHTTPRequestHandler):
                def do_GET(self):
                    return self.answer(limits())
        """,
    )
    (finding,) = result.findings
    assert finding.points == ("8.4", "8.1")
    assert finding.path.endswith("settings.py")
    assert finding.facts["by"] == "Handler.do_GET"


def test_what_is_called_once_at_the_start_is_not(audited: Audited) -> None:
    assert not audited(settings=READER, main="import settings\nsettings.limits()\n").findings


def test_relative_imports_and_packages_that_hand_names_on_are_followed(audited: Audited) -> None:
    result = audited(
        **{
            "service/__init__": "from service.config import limits\n",
            "service/config": READER,
            "service/loop": """
                from . import limits

                def serve(queue):
                    while True:
                        queue.get().send(limits())
            """,
        }
    )
    assert rules(result) == ["config_each"]


def test_methods_of_base_classes_in_other_files_are_found(audited: Audited) -> None:
    result = audited(
        base="""
            import requests

            class Client:
                def __init__(self):
                    self.session = requests.Session()

                def fetch_page(self, url):
                    return self.session.get(url, timeout=5)
        """,
        use="""
            from base import Client

            class Reports(Client):
                def collect(self, urls):
                    return [self.fetch_page(url) for url in urls]
        """,
    )
    assert rules(result) == ["serial_http"]


def test_a_lock_is_held_over_what_the_method_below_does(audited: Audited) -> None:
    result = audited(
        store="""
            import threading, time

            class Store:
                def __init__(self):
                    self.lock = threading.Lock()

                def one(self):
                    with self.lock:
                        self.two()

                def two(self):
                    self.three()

                def three(self):
                    time.sleep(1)
        """
    )
    assert [(finding.rule, finding.line) for finding in result.findings] == [("lock_io", 10)]


def test_what_fills_a_cache_is_not_counted_as_done_each_time(audited: Audited) -> None:
    result = audited(
        server="""
            import json
            from http.server import BaseHTTPRequestHandler

            _limits = None

            def limits():
                global _limits
                if _limits is None:
                    with open("/etc/openclaw/limits.json") as file:
                        _limits = json.load(file)
                return _limits

            class Handler(BaseHTTPRequestHandler):
                def do_GET(self):
                    self.answer(limits())
        """
    )
    assert not result.findings


def test_functions_that_call_each_other_end(audited: Audited) -> None:
    result = audited(
        circle="""
            import time

            def one(n):
                two(n)

            def two(n):
                one(n)
                time.sleep(n)
        """
    )
    assert not result.findings


def test_a_partial_is_what_it_calls_with_the_limit_that_it_gives(audited: Audited) -> None:
    result = audited(
        hook="""
            import functools
            import requests

            bounded = functools.partial(requests.post, timeout=5)
            endless = functools.partial(requests.post)

            def tell(text):
                bounded("http://a", json=text)

            def ask(text):
                return endless("http://a", json=text)
        """
    )
    assert [(finding.rule, finding.line) for finding in result.findings] == [("no_timeout", 12)]


def test_what_a_decorator_puts_around_a_handler_is_run_for_each_request(audited: Audited) -> None:
    result = audited(
        server="""
            import time
            from http.server import BaseHTTPRequestHandler

            def slowed(method):
                def inner(self):
                    time.sleep(1)
                    return method(self)
                return inner

            class Handler(BaseHTTPRequestHandler):
                @slowed
                def do_GET(self):
                    self.send_error(404)
        """
    )
    assert rules(result) == ["handler_sleep"]


def test_a_method_that_others_override_does_what_they_do(audited: Audited) -> None:
    result = audited(
        base="""
            import abc
            import threading

            class Channel(abc.ABC):
                def __init__(self):
                    self.lock = threading.Lock()

                def deliver(self, message):
                    with self.lock:
                        self.send(message)

                @abc.abstractmethod
                def send(self, message):
                    ...
        """,
        hook="""
            import requests
            from base import Channel

            class Hook(Channel):
                def send(self, message):
                    requests.post("http://a", json=message, timeout=5)
        """,
    )
    assert [(finding.rule, finding.facts["call"]) for finding in result.findings] == [("lock_io", "self.send(message)")]


def test_a_property_of_a_base_in_another_file_is_read_each_time_it_is_named(audited: Audited) -> None:
    result = audited(
        base="""
            class Settled:
                @property
                def settings(self):
                    with open("/srv/x/values.txt") as file:
                        return file.read()
        """,
        hook="""
            from base import Settled

            class Hook(Settled):
                def both(self):
                    first = self.settings[0]
                    return first, self.settings[1]
        """,
    )
    assert rules(result) == ["read_twice"]


def test_what_waits_in_a_coroutine_holds_up_the_others_unless_it_is_awaited(audited: Audited) -> None:
    result = audited(
        worker="""
            import asyncio
            import time

            def settle():
                time.sleep(1)

            async def work():
                time.sleep(1)
                settle()
                await asyncio.sleep(1)
                await asyncio.to_thread(time.sleep, 1)
        """
    )
    assert [(finding.rule, finding.line) for finding in result.findings] == [("async_block", 9), ("async_block", 10)]


def test_a_datagram_waits_for_nobody(audited: Audited) -> None:
    assert not audited(
        notify="""
            import socket

            def ready(address):
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                    sock.connect(address)
                    sock.sendall(b"READY=1")
        """
    ).findings
