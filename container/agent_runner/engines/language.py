"""Whether a request is in Spanish or in English, told by its commonest words. A guess; pure."""

from __future__ import annotations

import re
from typing import Final

_SPANISH: Final = """
    a al analiza analizar busca código como con cuál cuales cuáles de del dime dónde el en es esta este esto haz hay
    informe la las lento lo los me mi mira muy no para pero por porque qué que rendimiento revisa revisar se sobre su
    te todo una un y
"""
_ENGLISH: Final = """
    about and analyse analyze are at audit check code do find for from how i in is it look me my of on please report
    review slow tell that the this to what where which why with your
"""
_WORD: Final = re.compile(r"[^\W\d_]+")
_PATH: Final = re.compile(r"\S*[/\\.@]\S+")
_NAMED: Final = (
    (re.compile(r"\ben (?:español|castellano)\b|\bin spanish\b", re.I), "es"),
    (re.compile(r"\bin english\b|\ben inglés\b", re.I), "en"),
)


def language_of(text: str) -> str:
    """`es` or `en`: the one that is asked for, else the one whose words are more; `en` where that does not tell."""
    for pattern, language in _NAMED:
        if pattern.search(text):
            return language
    words = [word.lower() for word in _WORD.findall(_PATH.sub(" ", text))]
    spanish, english = ({*known.split()} for known in (_SPANISH, _ENGLISH))
    score = sum((word in spanish) - (word in english) for word in words) + len(re.findall("[ñ¿¡]", text))
    return "es" if score > 0 else "en"
