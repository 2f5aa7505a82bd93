"""The page over HTTP, and what it asks for."""

from __future__ import annotations

import errno

import pytest

from openclaw import page
from tests.support.front import FakeFront
from tests.support.http_service import http_service
from tests.support.raw_http import RawClient
from tests.support.sse import EventClient
from tests.support.stranger import AS_ROOT

NOBODY = 65534


class TestThePage:
    def test_it_comes_with_its_policy_and_is_asked_for_again_each_time(self, client: RawClient) -> None:
        response = client.request("GET", "/")

        assert (response.status, response.body) == (200, page.load().body)
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["content-security-policy"] == page.load().policy
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
    def test_whoever_has_it_is_told_so(self, client: RawClient, form: str) -> None:
        tag = client.request("GET", "/").headers["etag"]

        again = client.request("GET", "/", If_None_Match=form.format(tag))

        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in again.headers
        assert client.request("GET", "/", If_None_Match='"other"').status == 200

    def test_everything_else_is_kept_by_nobody(self, client: RawClient) -> None:
        assert client.request("GET", "/times").headers["cache-control"] == "no-store"

    @AS_ROOT
    def test_where_a_token_is_set_anybody_may_have_it_and_nothing_else(self, front: FakeFront) -> None:
        with http_service(front, token="secret") as server:
            for path, status in (("/", 200), ("/times", 401), ("/events", 401), ("/failed", 401), ("/status", 401)):
                with RawClient(server.port, uid=NOBODY) as stranger:
                    assert stranger.request("GET", path).status == status, path
            with RawClient(server.port, uid=NOBODY) as stranger:
                assert stranger.request("DELETE", "/").status == 401

    @AS_ROOT
    def test_having_it_makes_nobody_known(self, front: FakeFront) -> None:
        with (
            http_service(front, token="secret", max_connections=8) as server,
            RawClient(server.port, uid=NOBODY) as one,
        ):
            assert one.request("GET", "/").status == 200
            with RawClient(server.port, uid=NOBODY) as two:
                assert two.response().status == 503  # an eighth of them is one, and that is still a stranger's


class TestEvents:
    def test_the_state_is_told_and_what_changes(self, front: FakeFront) -> None:
        view = front.view
        view.topics["now"] = {"turns": []}
        with http_service(front) as server, EventClient(server.port, "/events") as events:
            view.timers.wait_pending()
            view.timers.advance(1)
            assert [event.name for event in events.take(2)] == ["failed", "now"]

            view.topics["now"] = {"turns": [{"id": "a"}]}
            view.live_state.changed("now")
            view.timers.wait_pending()
            view.timers.advance(1)
            assert events.take(1)[0].data == {"turns": [{"id": "a"}]}


class TestFailed:
    def test_they_are_listed(self, client: RawClient, front: FakeFront) -> None:
        front.view.lists = {"failed": [{"key": "a.json"}], "more": 0}

        assert client.request("GET", "/failed").json() == front.view.lists

    def test_one_is_tried_again_or_thrown_away(self, client: RawClient, front: FakeFront) -> None:
        retried = client.request("POST", "/failed/a%20b.json", b"")
        removed = client.request("DELETE", "/failed/c.json")

        assert (retried.status, retried.json()) == (202, {"key": "a%20b.json", "status": "retried"})
        assert (removed.status, removed.json()) == (200, {"key": "c.json", "status": "removed"})
        assert (front.view.retried, front.view.removed) == (["a%20b.json"], ["c.json"])

    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_one_that_is_gone_is_404_and_one_that_cannot_be_moved_409(
        self, client: RawClient, front: FakeFront, method: str
    ) -> None:
        body = b"" if method == "POST" else None
        assert client.request(method, "/failed/gone.json", body).status == 404

        front.view.refusal = OSError(errno.EACCES, "Permission denied")
        refused = client.request(method, "/failed/a.json", body)
        assert (refused.status, "Permission denied" in refused.json()["detail"]) == (409, True)


class TestSessions:
    def test_a_session_shows_its_turns(self, client: RawClient) -> None:
        shown = client.request("GET", "/groups/main/sessions/work").json()

        assert shown == {"group": "main", "session": "work", "turns": [], "whole": True}

    @pytest.mark.parametrize("path", ["/groups/nobody/sessions/a", "/groups/main/sessions/..", "/groups//sessions/a"])
    def test_what_can_be_none_is_404(self, client: RawClient, path: str) -> None:
        assert client.request("GET", path).status == 404
