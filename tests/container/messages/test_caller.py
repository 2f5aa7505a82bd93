"""Calls of the model that fail: which are made again, how often and when, and in which words the others end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.engines.messages.caller import GONE, TRIES, CallContext, Caller, Pauses
from agent_runner.engines.messages.failures import CallFailed, Refused, TooLong
from agent_runner.engines.messages.gateway import Gateway
from agent_runner.engines.messages.speech import Speech
from tests.container.model_stub import (
    TIMEOUT,
    Exchange,
    ModelStub,
    Script,
    begins,
    breaks_off,
    refuses,
    says,
    streams,
    text,
    thinking,
    waits,
)  # fmt: skip
from tests.support.clock import FakeClock


class WaitedCancel(Cancel):
    """Waits for nothing: the clock is moved instead, and the pauses are kept."""

    def __init__(self, clock: FakeClock, during: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._clock = clock
        self._during = during

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        self._clock.advance(timeout)
        self._during()
        return self.is_set()


class Call:
    """One call, with time by hand. `during` is called in each pause; the turn is over after `seconds`."""

    def __init__(
        self,
        model: ModelStub,
        during: Callable[[], None] = lambda: None,
        *,
        chance: float = 1.0,
        pauses: Pauses = Pauses(),  # noqa: B008  # it never changes
        silence: float = TIMEOUT,
        seconds: float = 600,
        cancel: Cancel | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.waited = WaitedCancel(self.clock, during)
        self.told: list[str] = []
        self.speech = Speech(self.told.append)
        deadline = self.clock.monotonic() + seconds
        self._context = CallContext("turn", cancel or self.waited, deadline, self.speech)
        gateway = Gateway(str(model.path), self.clock.monotonic)
        self._caller = Caller(
            gateway, silence, clock=self.clock.monotonic, pauses=pauses, chance=lambda: chance
        )

    def make(self) -> str:
        """What was told of a call that went well."""
        self._caller.call(b"{}", self._context)
        return "".join(self.told)


# Busy


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_an_api_that_cannot_now_is_asked_again_after_growing_pauses(model: ModelStub, status: int) -> None:
    call = Call(model)
    model.will(*[refuses(status, "overloaded")] * 3, says("hi"))

    assert call.make() == "hi"
    assert call.waited.pauses == [1, 2, 4]


def test_after_so_many_tries_the_reason_is_told(model: ModelStub) -> None:
    call = Call(model)
    model.will(*[refuses(529, "overloaded")] * TRIES)

    with pytest.raises(CallFailed, match=r"cannot answer now \(HTTP 529: overloaded\); send the message again later"):
        call.make()
    assert len(model.asked()) == TRIES


def test_pauses_are_shortened_by_chance_and_have_a_bound(model: ModelStub) -> None:
    call = Call(model, chance=0.5, pauses=Pauses(busy=20))
    model.will(*[refuses(529)] * 3, says("hi"))

    call.make()

    assert call.waited.pauses == [15, 22.5, 22.5]


def test_the_pause_that_is_asked_for_is_kept(model: ModelStub) -> None:
    call = Call(model)
    model.will(refuses(429, retry_after="7"), says("hi"))

    call.make()

    assert call.waited.pauses == [pytest.approx(7.1)]


def test_a_pause_that_is_longer_than_the_turn_is_not_begun(model: ModelStub) -> None:
    call = Call(model)
    model.will(refuses(429, "too many", retry_after="3600"))

    with pytest.raises(CallFailed, match="asks to wait 3600 s"):
        call.make()
    assert call.waited.pauses == []


def test_an_error_event_before_any_text_counts_as_busy(model: ModelStub) -> None:
    call = Call(model)
    model.will(breaks_off(message="overloaded"), says("hi"))

    assert call.make() == "hi"


def test_thoughts_that_nobody_was_shown_do_not_keep_a_call_from_being_made_again(model: ModelStub) -> None:
    def thinks_and_breaks(exchange: Exchange) -> None:
        exchange.head()
        exchange.send(begins(), *thinking(0, "Hm", "sig"))
        exchange.hang_up()

    call = Call(model)
    model.will(thinks_and_breaks, says("hi"))

    assert call.make() == "hi"


@pytest.mark.parametrize("script", [Exchange.hang_up, breaks_off(), streams([begins()]), streams([*text(0, "x")])])
def test_a_stream_that_breaks_before_any_text_is_asked_for_again(model: ModelStub, script: Script) -> None:
    call = Call(model)
    model.will(script, says("hi"))

    assert call.make() == "hi"


def test_a_model_that_falls_silent_is_asked_again(model: ModelStub) -> None:
    call, never = Call(model, silence=0.05), threading.Event()
    model.will(waits(never, says("late")), says("hi"))

    assert call.make() == "hi"
    never.set()


def test_a_model_that_stays_silent_is_not_asked_where_the_turn_has_no_time_for_it_and_the_error_helps(
    model: ModelStub, caplog: pytest.LogCaptureFixture
) -> None:
    call, never = Call(model, silence=0.05, seconds=298), threading.Event()

    def is_silent(exchange: Exchange) -> None:
        exchange.head()
        call.clock.advance(120)
        never.wait(TIMEOUT)

    model.will(is_silent, is_silent, says("late"))
    with pytest.raises(CallFailed) as failed:
        call.make()
    never.set()

    assert str(failed.value).startswith("the model fell silent; it was asked 2 times, the last time for 120 s. Look at")
    assert "PERSISTENT_REQUEST_TIMEOUT" in str(failed.value)
    assert len(model.asked()) == 2
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["Model call of the turn turn"] * 2


def test_a_silence_until_the_turns_end_is_told_as_one(model: ModelStub) -> None:
    call, never = Call(model, silence=0.05, seconds=100), threading.Event()

    def is_silent(exchange: Exchange) -> None:
        exchange.head()
        call.clock.advance(120)
        never.wait(TIMEOUT)

    model.will(is_silent)
    with pytest.raises(CallFailed, match=r"time was over .*: the model fell silent; it was asked once for 120 s"):
        call.make()
    never.set()


# Where the sender has seen a part


@pytest.mark.parametrize("script", [breaks_off("Hel"), breaks_off("Hel", message="overloaded")])
def test_what_was_shown_stays_and_the_error_is_honest(model: ModelStub, script: Script) -> None:
    call = Call(model)
    model.will(script, says("Hello"))

    with pytest.raises(CallFailed, match=r'in the middle .*; say "go on" to continue'):
        call.make()
    assert call.speech.text == "Hel"
    assert len(model.asked()) == 1


# Refused


def test_the_api_s_own_word_on_whether_to_try_again_counts(model: ModelStub) -> None:
    model.will(refuses(400, "not yet", x_should_retry="true"), refuses(529, "never", x_should_retry="false"))
    call = Call(model)

    with pytest.raises(CallFailed, match="never"):
        call.make()

    assert len(model.asked()) == 2


@pytest.mark.parametrize(
    ("status", "says_what_to_do"),
    [
        (400, "refused the request .*send /new"),
        (401, "refused the key: check ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in .env and restart"),
        (403, "does not let us use the model"),
        (404, "check ANTHROPIC_BASE_URL and ANTHROPIC_MODEL"),
        (301, "refused the request"),
    ],
)
def test_what_is_refused_is_asked_once_and_says_what_to_do(model: ModelStub, status: int, says_what_to_do: str) -> None:
    model.will(refuses(status, "so it is"))

    with pytest.raises(Refused, match=says_what_to_do) as refused:
        Call(model).make()
    assert f"HTTP {status}: so it is" in str(refused.value)
    assert len(model.asked()) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (413, "request_too_large"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "This model's maximum context length is 8192 tokens"),
        (400, "the request exceeds the available context size"),
    ],
)
def test_a_conversation_that_is_too_long_is_no_bad_request(model: ModelStub, status: int, message: str) -> None:
    model.will(refuses(status, message))

    with pytest.raises(TooLong, match="send /new to begin a fresh session"):
        Call(model).make()


def test_an_answer_that_is_no_stream_is_refused(model: ModelStub) -> None:
    def page(exchange: Exchange) -> None:
        exchange.head("text/html")
        exchange.end()

    model.will(page)
    with pytest.raises(Refused, match=r"answered with text/html instead of a stream .*ANTHROPIC_BASE_URL"):
        Call(model).make()


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("check CLAUDE_CODE_OAUTH_TOKEN", "refused the key: check CLAUDE_CODE_OAUTH_TOKEN in .env and restart"),
        ("no key is set: set THE_KEY", "asks for a key: no key is set: set THE_KEY in .env and restart"),
    ],
)
def test_the_gateway_says_which_key_is_to_be_checked(model: ModelStub, hint: str, told: str) -> None:
    model.will(refuses(401, "no", x_openclaw_hint=hint))

    with pytest.raises(Refused, match=told):
        Call(model).make()


def test_the_gateways_own_words_are_told_without_a_status(model: ModelStub) -> None:
    model.will(*[refuses(502, "localhost does not answer: Connection refused.", x_openclaw_own="1")] * TRIES)

    with pytest.raises(CallFailed) as failed:
        Call(model).make()
    assert str(failed.value) == "localhost does not answer: Connection refused; send the message again later"


def test_what_the_gateway_says_cannot_help_is_not_asked_again(model: ModelStub) -> None:
    model.will(refuses(502, "a redirect: set it", x_openclaw_own="1", x_should_retry="false"))

    with pytest.raises(Refused) as refused:
        Call(model).make()
    assert str(refused.value) == "a redirect: set it"
    assert len(model.asked()) == 1


def test_a_long_error_is_cut_and_told_in_one_line(model: ModelStub) -> None:
    model.will(refuses(400, "a\n" * 1000))

    with pytest.raises(Refused) as refused:
        Call(model).make()
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


# A gateway that is gone: the host restarts


class Restarts:
    """The model's host, killed and started again on the same socket."""

    def __init__(self, path: Path, *scripts: Script, away: int) -> None:
        self.path = path
        self.model = ModelStub(path, *scripts)
        self.model.__enter__()
        self._away = away

    def die(self, exchange: Exchange, *shown: str) -> None:
        """End in the middle of an answer, of which this was shown."""
        exchange.head()
        exchange.send(begins(), *text(0, *shown)[:-1])
        threading.Thread(target=self.model.die).start()
        self.model._thread.join(TIMEOUT)

    def later(self, *scripts: Script) -> Callable[[], None]:
        """Called in each pause: the host is there again after some of them."""

        def pause() -> None:
            self._away -= 1
            if self._away == 0:
                self.model = ModelStub(self.path, *scripts)
                self.model.__enter__()

        return pause


@pytest.mark.parametrize("shown", [[], ["Hel"], ["Hello, ", "wor"]])
def test_a_call_that_the_host_s_death_has_cut_is_made_again_and_nothing_is_told_twice(
    tmp_path: Path, shown: list[str]
) -> None:
    host = Restarts(tmp_path / "s", away=3)
    host.model.will(lambda exchange: host.die(exchange, *shown))
    call = Call(host.model, host.later(says("Hello, ", "world")))

    assert call.make() == "Hello, world"
    assert len(host.model.asked()) == 1
    host.model.die()


def test_a_model_that_then_says_something_else_ends_the_turn_honestly(tmp_path: Path) -> None:
    host = Restarts(tmp_path / "s", away=1)
    host.model.will(lambda exchange: host.die(exchange, "Hello"))
    call = Call(host.model, host.later(says("Good day")))

    with pytest.raises(CallFailed, match="does not continue"):
        call.make()
    assert call.speech.text == "Hello"
    host.model.die()


def test_a_host_that_comes_back_busy_is_asked_again(tmp_path: Path) -> None:
    host = Restarts(tmp_path / "s", away=2)
    host.model.will(lambda exchange: host.die(exchange, "Hel"))
    call = Call(host.model, host.later(refuses(503), says("Hello")))

    assert call.make() == "Hello"
    host.model.die()


def test_a_host_that_stays_away_is_given_up_after_a_minute(tmp_path: Path) -> None:
    model = ModelStub(tmp_path / "s")
    call = Call(model)

    with pytest.raises(CallFailed, match="see `openclaw status`"):
        call.make()
    assert GONE - 2 <= sum(call.waited.pauses) <= GONE
    assert max(call.waited.pauses) == 2
    assert call.waited.pauses[:4] == [0.1, 0.2, 0.4, 0.8]


def test_nothing_is_waited_for_beyond_the_turn(tmp_path: Path) -> None:
    call = Call(ModelStub(tmp_path / "s"), seconds=5)

    with pytest.raises(CallFailed, match="cannot be reached"):
        call.make()
    assert sum(call.waited.pauses) <= 5


# The end


def test_a_cancel_ends_a_pause(model: ModelStub) -> None:
    cancel = Cancel()
    call = Call(model, cancel=cancel)
    model.will(*[refuses(529, retry_after="500")] * 2)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(call.make)
        model.next_request()
        cancel.set()
        with pytest.raises(TurnCancelled):
            made.result(1)
    assert model.asked() == []


def test_a_turn_whose_time_is_over_says_so(model: ModelStub) -> None:
    call = Call(model)
    call.clock.advance(601)
    model.will(says("late"))

    with pytest.raises(CallFailed, match="time was over"):
        call.make()


def test_a_stream_that_breaks_leaves_no_connection_that_is_used_again(model: ModelStub) -> None:
    call = Call(model)
    model.will(says("one"), breaks_off(), says("two"))
    call.make()
    call.make()

    broken, after = model.asked()[1:]
    assert broken.connection != after.connection


def test_what_breaks_is_told_apart_from_a_gateway_that_is_gone(model: ModelStub) -> None:
    model.will(*[breaks_off()] * TRIES)

    with pytest.raises(CallFailed, match="ended in the middle of the answer"):
        Call(model).make()
