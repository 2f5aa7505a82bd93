from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.spool import DropDir, claim, claims, drop_claim, put_back, read_claim


@pytest.fixture
def work(tmp_path: Path) -> Iterator[DropDir]:
    directory = DropDir(tmp_path / "work")
    yield directory
    directory.close()


def test_a_claimed_file_is_out_of_the_inbox_and_hidden_in_work(drops: DropDir, work: DropDir) -> None:
    drops.place("hello.json", b"{}")

    taken = claim(drops, "hello.json", work)

    assert taken.original == "hello.json"
    assert drops.names() == work.names() == []
    assert claims(work) == [taken]


def test_its_content_is_read_with_the_origin_it_had_in_the_inbox(drops: DropDir, work: DropDir) -> None:
    drops.place("hello.json", b"{}")
    before = drops.read("hello.json", 100)

    taken = claim(drops, "hello.json", work)

    assert read_claim(work, taken, 100) == before


def test_a_dropped_claim_is_gone(drops: DropDir, work: DropDir) -> None:
    drops.place("hello.json", b"{}")
    taken = claim(drops, "hello.json", work)

    assert drop_claim(work, taken)
    assert claims(work) == []
    assert not drop_claim(work, taken)


def test_a_claim_can_be_put_back(drops: DropDir, work: DropDir) -> None:
    drops.place("hello.json", b"{}")

    put_back(work, claim(drops, "hello.json", work), drops)

    assert drops.names() == ["hello.json"]
    assert claims(work) == []


def test_putting_back_overwrites_nothing(drops: DropDir, work: DropDir) -> None:
    drops.place("hello.json", b"first")
    taken = claim(drops, "hello.json", work)
    drops.place("hello.json", b"second")

    with pytest.raises(FileExistsError):
        put_back(work, taken, drops)
    assert drops.read("hello.json", 100).data == b"second"
    assert read_claim(work, taken, 100).data == b"first"


def test_one_name_may_be_claimed_again_while_the_first_claim_stands(drops: DropDir, work: DropDir) -> None:
    for _ in range(2):
        drops.place("hello.json", b"{}")
        claim(drops, "hello.json", work)

    assert [taken.original for taken in claims(work)] == ["hello.json", "hello.json"]


def test_claims_come_by_the_age_of_their_files_and_nothing_else_counts(drops: DropDir, work: DropDir) -> None:
    work.place("m1.json", b"{}")
    for name, mtime in (("late.json", 3), ("b.json", 2), ("a.json", 2)):
        drops.place(name, b"{}")
        os.utime(drops.path / name, (mtime, mtime))
        claim(drops, name, work)

    assert [taken.original for taken in claims(work)] == ["a.json", "b.json", "late.json"]


def test_a_file_that_is_gone_cannot_be_claimed(drops: DropDir, work: DropDir) -> None:
    with pytest.raises(FileNotFoundError):
        claim(drops, "hello.json", work)


@pytest.mark.parametrize("name", ["x" * 250 + ".json", "é" * 125 + ".json", "two words.v2.json"])
def test_any_name_can_be_claimed_and_recovered(name: str, drops: DropDir, work: DropDir) -> None:
    drops.place(name, b"{}")

    taken = claim(drops, name, work)

    assert claims(work) == [taken]
    assert taken.original.endswith(".json")
    assert name.startswith(taken.original.removesuffix(".json"))
