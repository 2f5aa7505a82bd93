"""The page as it is served: one document, and a policy under which nothing but its own parts can run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from openclaw import page
from openclaw.page.document import _CLOSES

DOCUMENT = page.load()
TEXT = DOCUMENT.body.decode()


class Parts(HTMLParser):
    """Every start tag, and the text of each script and style."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in self.texts else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside].append(data)


@pytest.fixture(scope="module")
def parts() -> Parts:
    found = Parts()
    found.feed(TEXT)
    return found


def directive(name: str) -> list[str]:
    rules = dict(rule.split(" ", 1) for rule in DOCUMENT.policy.split("; "))
    return rules[name].split(" ")


@pytest.mark.parametrize("kind", ["script", "style"])
def test_the_policy_names_each_part_by_its_hash_and_nothing_else(parts: Parts, kind: str) -> None:
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in parts.texts[kind]]

    assert hashes
    assert directive(f"{kind}-src") == [f"'sha256-{one}'" for one in hashes]


def test_what_the_policy_does_not_name_is_forbidden() -> None:
    assert directive("default-src") == ["'none'"]
    assert directive("connect-src") == ["'self'"]
    assert directive("frame-ancestors") == ["'none'"]
    assert directive("trusted-types") == ["'none'"]
    assert "unsafe" not in DOCUMENT.policy


def test_nothing_comes_from_elsewhere(parts: Parts) -> None:
    addresses = [given for _, attributes in parts.tags for name in ("src", "href") if (given := attributes.get(name))]

    assert [one for one in addresses if not one.startswith(("#", "data:image/svg+xml,"))] == []


def test_no_attribute_is_a_script_or_a_style(parts: Parts) -> None:
    names = {name for _, attributes in parts.tags for name in attributes}

    assert not [name for name in names if name.startswith("on") or name == "style"]


def test_no_script_makes_markup_of_text(parts: Parts) -> None:
    script = "".join(parts.texts["script"])

    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|srcdoc", script)


def test_no_script_polls(parts: Parts) -> None:
    """The one interval writes the times that go on; it asks nobody."""
    script = "".join(parts.texts["script"])

    assert re.findall(r"setInterval\((\w+)", script) == ["tick"]


def test_every_field_and_picture_has_a_name(parts: Parts) -> None:
    ids = {attributes.get("id") for _, attributes in parts.tags}
    labelled = {given for _, attributes in parts.tags if (given := attributes.get("aria-labelledby"))}

    assert labelled <= ids
    assert TEXT.count("<label") >= len([tag for tag, _ in parts.tags if tag in ("input", "select", "textarea")])


@pytest.mark.parametrize("text", ["</script>", "</SCRIPT ", "</style>", "<!--"])
def test_a_part_that_would_end_its_element_is_refused(text: str) -> None:
    assert _CLOSES.search(f"a = '{text}'")


def test_the_tag_changes_with_the_page() -> None:
    assert re.fullmatch(r'"[0-9a-f]{32}"', DOCUMENT.etag)
    assert DOCUMENT.etag[1:-1] == hashlib.sha256(DOCUMENT.body).hexdigest()[:32]
