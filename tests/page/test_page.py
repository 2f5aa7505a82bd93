"""The page as people use it: the real service, and a real browser that is asked what it shows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.chromium import Chromium, Tab
from tests.support.messages_answers import say
from tests.support.messages_api import MessagesApi
from tests.support.service import RunningService
from tests.support.stranger import AS_ROOT

NOBODY = 65534


@pytest.fixture
def tab(browser: Chromium, service: RunningService, request: pytest.FixtureRequest) -> Iterator[Tab]:
    """The page, in a session named after the test. What the console complained of fails the test."""
    with opened(browser, service) as shown:
        enter_session(shown, request.node.name.replace("test_", "")[:60])
        yield shown
        assert [one for one in shown.problems() if "responded with a status of 404" not in one] == []


class opened:
    """A tab with the page, until the block ends."""

    def __init__(self, browser: Chromium, service: RunningService, **options: object) -> None:
        self._tab = browser.tab(f"{service.url}/", **options)  # type: ignore[arg-type]

    def __enter__(self) -> Tab:
        self._tab.until("document.querySelector('#connection.good')")
        return self._tab

    def __exit__(self, *_: object) -> None:
        self._tab.close()


def enter_session(tab: Tab, name: str) -> None:
    tab.run(f"document.getElementById('session').value = {json.dumps(name)}")
    tab.run("document.getElementById('session').dispatchEvent(new Event('change'))")
    tab.until(f"talk.session === {json.dumps(name)}")
    tab.run("document.getElementById('text').focus()")


def show(tab: Tab, view: str) -> None:
    tab.click(f"nav a[data-view={view}]")
    tab.until(f"document.querySelector('nav a[data-view={view}][aria-current=page]')")


class TestConversation:
    def test_a_message_is_written_and_sent_by_keys_alone(self, tab: Tab) -> None:
        tab.type("6 * 7")
        tab.press("Enter")

        tab.until("document.querySelector('.turn[data-status=done]')")
        assert tab.text(".turn .asked .text") == "6 * 7"
        assert "6 * 7 = 42" in tab.text(".turn .answer")
        assert tab.run("document.activeElement.id") == "text"

    def test_shift_and_enter_begin_a_new_line(self, tab: Tab) -> None:
        tab.type("one")
        tab.press("Enter", shift=True)
        tab.type("two")

        assert tab.run("document.getElementById('text').value") == "one\ntwo"
        assert tab.run("talk.items.size") == 0

    def test_what_somebody_else_asks_in_this_session_is_shown(self, tab: Tab, service: RunningService) -> None:
        session = tab.run("talk.session")
        service.post({"text": "hello from elsewhere", "session": session})

        tab.until("document.querySelector('.turn[data-status=done]')")
        assert tab.text(".turn .asked .text") == "hello from elsewhere"

    def test_another_session_has_a_conversation_of_its_own_and_the_first_comes_back(self, tab: Tab) -> None:
        first = tab.run("talk.session")
        tab.type("1 + 1")
        tab.press("Enter")
        tab.until("document.querySelector('.turn[data-status=done]')")
        enter_session(tab, "quite-another")
        assert tab.run("document.querySelectorAll('.turn').length") == 0

        enter_session(tab, first)

        tab.until("document.querySelector('.turn[data-status=done]')")
        assert tab.text(".turn .asked .text") == "1 + 1"
        assert "1 + 1 = 2" in tab.text(".turn .answer")

    def test_a_message_that_is_refused_is_said_and_stays_in_its_field(self, tab: Tab) -> None:
        tab.run("talk.group = 'nobody'")
        tab.type("hello")
        tab.press("Enter")

        tab.until("!document.getElementById('problem').hidden")
        assert "nobody" in tab.text("#problem")
        assert tab.run("document.getElementById('text').value") == "hello"

    def test_a_subagent_is_followed_to_its_reply(self, tab: Tab) -> None:
        tab.type("/spawn /delta found it")
        tab.press("Enter")

        tab.until("document.querySelector('.subagents summary')?.textContent.includes('done')")
        tab.click(".subagents summary")
        tab.until("document.querySelector('.subagents .text').innerText.includes('found it')")


class TestStreaming:
    def test_text_is_there_before_the_reply_and_the_turn_is_cancelled_in_the_middle(
        self, browser: Chromium, tmp_path: Path
    ) -> None:
        (tmp_path / "home").mkdir()
        stalls = say("one two three", stall_after=4)
        with (
            MessagesApi(otherwise=lambda _: stalls) as api,
            RunningService(tmp_path / "home", ANTHROPIC_BASE_URL=api.url, ANTHROPIC_API_KEY="k") as service,
            opened(browser, service) as tab,
        ):
            tab.type("count")
            tab.press("Enter")

            tab.until("document.querySelector('.turn .answer > .text')?.textContent.includes('one')")
            assert tab.run("document.querySelector('.turn .answer').getAttribute('aria-busy')") == "true"
            tab.click(".turn .state button")

            tab.until("document.querySelector('.turn[data-status=cancelled]')")
            tab.until("document.querySelector('#turns').innerText.includes('Nothing runs')")


class TestRunning:
    def test_what_runs_is_there_while_it_runs_and_is_cancelled_from_there(
        self, tab: Tab, service: RunningService
    ) -> None:
        message = service.post({"text": "/wait 50", "session": "elsewhere", "id": "slow"}, "").json()["id"]

        tab.until("document.querySelector('#turns [data-key=slow][data-status=running]')")
        assert "main/elsewhere" in tab.text("#turns")
        tab.click("#turns [data-key=slow] button")

        tab.until("!document.querySelector('#turns [data-key=slow]')")
        assert service.get(f"/messages/{message}?wait=10").json()["status"] == "cancelled"

    def test_main_is_shown_with_its_state(self, tab: Tab) -> None:
        tab.until("document.querySelector('#state').innerText.includes('ready, process pid ')")


class TestHostileText:
    PAYLOAD = (
        "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
        "<a href=javascript:window.hacked=1>x</a> [x](javascript:alert(1)) </textarea><svg onload=window.hacked=1>"
    )

    def test_what_an_agent_says_is_text_and_nothing_else(self, tab: Tab) -> None:
        tab.type(f"/delta {self.PAYLOAD}\n```html\n{self.PAYLOAD}\n```")
        tab.press("Enter")

        tab.until("document.querySelector('.turn[data-status=done]')")
        tab.until("document.querySelector('.turn .answer pre')")
        assert self.PAYLOAD in tab.text(".turn .answer")
        assert tab.run("document.querySelectorAll('#log img, #log script, #log a, #log svg').length") == 0
        assert tab.run("window.hacked === undefined")

    def test_nor_is_what_a_failed_file_is_called_or_says(self, tab: Tab, service: RunningService) -> None:
        name = "<img src=x onerror=hacked=1>.json"
        show(tab, "failed")
        (service.home / "ipc/inbox" / name).write_text(json.dumps({"text": "x", "<b onclick=hacked=1>": "y"}))

        tab.until(f"document.getElementById('failed-list').innerText.includes({json.dumps(name)})")
        assert "<b onclick=hacked=1>" in tab.text("#failed-list")
        assert tab.run("document.querySelectorAll('#failed-list img, #failed-list b b').length") == 0
        assert tab.run("window.hacked === undefined")
        tab.click("#failed-list li:last-child button:last-child")
        tab.until(f"!document.getElementById('failed-list').innerText.includes({json.dumps(name)})")

    def test_a_script_that_got_into_the_document_all_the_same_would_not_run(
        self, browser: Chromium, service: RunningService
    ) -> None:
        with opened(browser, service) as tab:
            tab.run("document.body.append(Object.assign(document.createElement('script'), {id: 'new'}))")
            with pytest.raises(AssertionError, match="TrustedScript"):
                tab.run("document.getElementById('new').textContent = 'window.hacked = 1'")
            with pytest.raises(AssertionError, match="TrustedHTML"):
                tab.run("document.body.innerHTML = '<p>x'")
            tab.run("document.getElementById('new').append('window.hacked = 1')")
            assert tab.run("window.hacked === undefined")
            with pytest.raises(AssertionError):
                tab.run("fetch('https://example.com/')")


class TestFailedDrops:
    def test_a_failed_drop_is_shown_with_its_reason_and_tried_again_when_that_is_mended(
        self, tab: Tab, service: RunningService
    ) -> None:
        show(tab, "failed")
        (service.home / "ipc/inbox/later.json").write_text('{"text": "hello", "group": "late"}')
        tab.until("document.querySelector('[data-key=\"later.json\"]')")
        assert "there is no group 'late'" in tab.text("#failed-list")

        service.put("/groups/late", {})
        tab.click('[data-key="later.json"] button')

        tab.until("!document.querySelector('[data-key=\"later.json\"]')")
        assert service.get("/messages/later?wait=30").json()["status"] == "done"


class TestGroups:
    def test_a_group_is_added_and_spoken_to(self, tab: Tab) -> None:
        show(tab, "groups")
        tab.run("document.getElementById('group-name').focus()")
        tab.type("friends")
        tab.press("Enter")
        tab.until("document.querySelector('#group-list').innerText.includes('friends')")

        tab.click("[aria-label='Talk to friends']")
        tab.type("hello")
        tab.press("Enter")

        tab.until("document.querySelector('.turn[data-status=done]')")
        assert "dedicated" in tab.text(".turn .meta")


class TestTasks:
    ANSWERS = """
        ((real) => { window.fetch = (path, options) => path !== "/tasks" ? real(path, options)
            : Promise.resolve(new Response(JSON.stringify(ANSWER), {status: STATUS})); })(window.fetch)
    """

    def answer(self, tab: Tab, status: int, value: object) -> None:
        tab.run(self.ANSWERS.replace("ANSWER", json.dumps(value)).replace("STATUS", str(status)))
        tab.run("loadTasks()")

    def test_their_view_is_there_where_the_service_has_tasks(self, tab: Tab) -> None:
        task = {"id": "t1", "prompt": "<b>water</b>", "schedule_type": "cron", "schedule_value": "0 9 * * *"}
        self.answer(tab, 200, {"tasks": [task]})
        show(tab, "tasks")

        assert "cron 0 9 * * *" in tab.text("#task-list")
        assert "<b>water</b>" in tab.text("#task-list")

    def test_where_it_has_none_their_view_is_not_there(self, tab: Tab) -> None:
        self.answer(tab, 404, {"detail": "There is no /tasks"})

        assert tab.run("document.getElementById('tasks-link').hidden") is True
        assert tab.run("document.getElementById('problem').hidden") is True


class TestTimes:
    def test_times_are_drawn_and_told_in_words(self, tab: Tab, service: RunningService) -> None:
        service.post({"text": "hello", "session": "timed"})
        show(tab, "times")

        tab.until("document.querySelectorAll('#pictures svg').length >= 4")
        tab.until("document.querySelector('#pictures circle.p50.persistent')")
        names = tab.run("[...document.querySelectorAll('#pictures svg')].map((one) => one.getAttribute('aria-label'))")
        assert any(name.startswith("Total") and "persistent: lately" in name for name in names)
        assert "persistent" in tab.run("document.querySelector('#pictures table').textContent")


class TestEverywhere:
    def test_nothing_is_wider_than_a_small_screen(self, browser: Chromium, service: RunningService) -> None:
        with opened(browser, service, width=360, height=640, dark=True) as tab:
            for view in ("talk", "runs", "times", "failed", "groups"):
                show(tab, view)
                assert tab.run("document.documentElement.scrollWidth") <= 360, view
                sections = "[...document.querySelectorAll('main > section')]"
                assert tab.run(f"{sections}.filter((one) => one.offsetWidth).length") == 1

    def test_dark_follows_the_machine(self, browser: Chromium, service: RunningService) -> None:
        colour = "getComputedStyle(document.body).backgroundColor"
        with opened(browser, service, dark=True) as dark, opened(browser, service) as light:
            assert dark.run(colour) != light.run(colour)

    def test_every_button_and_field_has_a_name(self, tab: Tab, service: RunningService) -> None:
        for view in ("failed", "groups", "times"):
            show(tab, view)
        tab.call("Accessibility.enable")
        nodes = tab.call("Accessibility.getFullAXTree")["nodes"]

        roles = ("button", "textbox", "combobox", "link", "region", "log", "image")
        named = [node for node in nodes if node.get("role", {}).get("value") in roles and not node["ignored"]]
        assert named
        assert [node for node in named if not node.get("name", {}).get("value")] == []

    def test_the_page_finds_the_service_again(self, browser: Chromium, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        with RunningService(tmp_path / "home") as first:
            port = first.url.rsplit(":", 1)[1]
            tab = browser.tab(f"{first.url}/")
            tab.until("document.querySelector('#connection.good')")
        tab.until("document.querySelector('#connection.bad')")

        with RunningService(tmp_path / "home", OPENCLAW_PORT=port):
            tab.until("document.querySelector('#connection.good')")
            tab.close()

    def test_a_tab_that_is_not_looked_at_holds_no_connection(self, tab: Tab) -> None:
        tab.run("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
        tab.run("document.dispatchEvent(new Event('visibilitychange'))")
        assert tab.run("[page.live, talk.followed]") == [False, None]

        tab.run("delete document.hidden")
        tab.run("document.dispatchEvent(new Event('visibilitychange'))")
        tab.type("2 * 2")
        tab.press("Enter")
        tab.until("document.querySelector('.turn[data-status=done]')")


def own(folder: str) -> Path:
    os.chown(folder, NOBODY, NOBODY)
    return Path(folder)


@AS_ROOT
def test_where_a_token_is_set_the_page_asks_for_it_and_keeps_it_for_the_tab_only(
    executable: str, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    with (
        RunningService(tmp_path / "home", OPENCLAW_TOKEN="open-sesame") as service,
        TemporaryDirectory(dir="/tmp") as folder,  # which another user may reach
        Chromium(executable, own(folder), uid=NOBODY) as browser,
    ):
        tab = browser.tab(f"{service.url}/")
        tab.until("document.getElementById('token-dialog').open")
        tab.type("wrong")
        tab.press("Enter")
        tab.until("document.getElementById('token-dialog').open && sessionStorage.getItem('openclaw-token') === null")
        tab.type("open-sesame")
        tab.press("Enter")

        tab.until("document.querySelector('#connection.good')")
        assert tab.run("sessionStorage.getItem('openclaw-token')") == "open-sesame"
        assert tab.run("localStorage.length") == 0
        assert tab.run("document.cookie") == ""
