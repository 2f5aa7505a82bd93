"""The model that is measured with: started, spoken to, and ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.bench.bench import Bench
from openclaw.bench.figure import NotMeasured
from openclaw.bench.model_process import ModelProcess


def test_a_service_is_told_where_it_is_and_no_key(bench: Bench) -> None:
    with ModelProcess(bench) as model:
        assert model.url.startswith("http://127.0.0.1:")
        assert model.settings == {"AGENT_ENGINE": "messages", "ANTHROPIC_BASE_URL": model.url}


def test_the_first_text_of_each_answer_leaves_between_question_and_end(bench: Bench) -> None:
    with ModelProcess(bench) as model, bench.service(model.settings) as service:
        client = service.client()
        for _ in range(2):
            before = bench.clock.monotonic()
            client.ask("hello")
            assert before < model.first_delta() < bench.clock.monotonic()
        client.close()


def test_a_question_without_a_service_tells_the_models_own_time(bench: Bench) -> None:
    with ModelProcess(bench, "--latency-ms=50") as model:
        assert model.seconds_directly() > 0.05
        assert model.seconds_directly() > 0.05  # the first one's delta was taken


def test_a_checkout_without_it_is_told_and_nothing_is_started(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match=r"tests/support/messages_api\.py is not there"):
        ModelProcess(bench, checkout=tmp_path)


def test_one_that_does_not_start_is_told_with_its_own_words(bench: Bench) -> None:
    with pytest.raises(NotMeasured, match="no-such-option"), ModelProcess(bench, "--no-such-option"):
        pass


def test_an_answer_that_is_an_error_is_not_measured(bench: Bench) -> None:
    with ModelProcess(bench, "--status=529") as model, pytest.raises(NotMeasured, match="answered 529"):
        model.seconds_directly()


def test_it_has_ended_at_the_end(bench: Bench) -> None:
    with ModelProcess(bench) as model:
        started = model.pid
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)
