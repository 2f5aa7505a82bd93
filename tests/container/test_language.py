"""Whether a request is in Spanish or in English."""

from __future__ import annotations

import pytest

from agent_runner.engines.language import language_of


@pytest.mark.parametrize(
    "text",
    [
        "Analiza el rendimiento de src/", "revisa este código", "¿Qué va lento?", "mira src/x.py por favor, es lento",
        "Audita la carpeta in_the_report/check.py", "Look at src, y responde en español",
        "Diagnostica los cuellos de botella del módulo de colas",
    ],
)  # fmt: skip
def test_spanish(text: str) -> None:
    assert language_of(text) == "es"


@pytest.mark.parametrize(
    "text",
    [
        "Review the performance of src/", "what is slow in el_servicio/de/la/cola.py?", "audit", "", "src",
        "Do your part with ~/proyectos/la/web.", "Analiza esto and answer in English", "42 _ %",
    ],
)  # fmt: skip
def test_english_and_whatever_does_not_tell(text: str) -> None:
    assert language_of(text) == "en"
