from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.errors import FileRefused
from openclaw.spool import DropDir

LEASE_HOLDER = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(os.open(sys.argv[1], os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
sys.stdin.read()
"""


class TestTheDirectory:
    def test_a_missing_one_is_made_with_the_given_mode_whatever_the_umask(self, tmp_path: Path) -> None:
        umask = os.umask(0o077)
        try:
            directory = DropDir(tmp_path / "ipc" / "out", create_mode=0o755)
        finally:
            os.umask(umask)

        assert (tmp_path / "ipc" / "out").stat().st_mode & 0o777 == 0o755
        directory.close()

    def test_one_that_others_may_take_away_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            DropDir(tmp_path / "a" / "b", create_mode=None)

        assert not (tmp_path / "a").exists()

    def test_nor_is_it_made_again(self, tmp_path: Path) -> None:
        (tmp_path / "given").mkdir()
        with closing(DropDir(tmp_path / "given", create_mode=None)) as drops:
            (tmp_path / "given").rmdir()
            with pytest.raises(FileNotFoundError):
                drops.refresh()

        assert not (tmp_path / "given").exists()

    def test_one_that_is_there_keeps_its_mode(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir(mode=0o700)

        directory = DropDir(tmp_path / "out", create_mode=0o755)

        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
        directory.close()

    def test_one_whose_staging_is_refused_leaves_no_descriptor_open(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path)
        before = set(os.listdir("/proc/self/fd"))

        with pytest.raises(OSError, match="link"):
            DropDir(tmp_path / "out", staging=tmp_path / "link")

        assert set(os.listdir("/proc/self/fd")) == before

    def test_a_swapped_path_does_not_mislead_it(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}")
        drops.path.rename(drops.path.with_name("elsewhere"))
        drops.path.mkdir()

        assert drops.names() == ["a.json"]

    def test_refresh_follows_the_path_to_a_new_directory(self, drops: DropDir) -> None:
        drops.path.rename(drops.path.with_name("elsewhere"))
        drops.path.mkdir()
        (drops.path / "b.json").touch()

        assert drops.refresh()
        assert drops.names() == ["b.json"]
        assert not drops.refresh()

    def test_refresh_makes_a_removed_directory_again(self, drops: DropDir) -> None:
        drops.path.rmdir()

        assert drops.refresh()
        drops.place("a.json", b"{}")
        assert (drops.path / "a.json").read_bytes() == b"{}"

    def test_it_is_at_rest_while_nothing_is_in_it_and_its_path_names_it(self, drops: DropDir) -> None:
        assert drops.at_rest()
        (drops.path / ".hidden").touch()
        assert not drops.at_rest()
        (drops.path / ".hidden").unlink()
        drops.path.rename(drops.path.with_name("elsewhere"))
        assert not drops.at_rest()
        drops.path.mkdir()
        assert not drops.at_rest()

    def test_one_that_was_removed_is_not_at_rest(self, drops: DropDir) -> None:
        drops.path.rmdir()
        assert not drops.at_rest()


class TestPlacing:
    def test_a_placed_file_has_its_content_and_exactly_its_mode(self, drops: DropDir) -> None:
        umask = os.umask(0o077)
        try:
            drops.place("a.json", b"{}", 0o644)
        finally:
            os.umask(umask)

        assert (drops.path / "a.json").read_bytes() == b"{}"
        assert (drops.path / "a.json").stat().st_mode & 0o777 == 0o644

    def test_it_takes_the_place_of_an_older_one(self, drops: DropDir) -> None:
        drops.place("a.json", b"old")
        drops.place("a.json", b"new")

        assert (drops.path / "a.json").read_bytes() == b"new"

    def test_it_can_be_told_not_to(self, drops: DropDir) -> None:
        drops.place("a.json", b"old")

        with pytest.raises(FileExistsError):
            drops.place("a.json", b"new", replace=False)
        assert os.listdir(drops.path) == ["a.json"]
        assert (drops.path / "a.json").read_bytes() == b"old"

    def test_a_name_that_cannot_be_given_leaves_nothing_behind(self, drops: DropDir) -> None:
        (drops.path / "a.json").mkdir()

        with pytest.raises(IsADirectoryError):
            drops.place("a.json", b"{}")
        assert os.listdir(drops.path) == ["a.json"]

    def test_a_staged_file_is_hidden_until_it_is_revealed(self, drops: DropDir) -> None:
        staged = drops.stage(b"{}")
        os.close(staged.fd)
        assert drops.names() == []

        drops.reveal(staged.name, "a.json", replace=False)
        assert drops.names() == ["a.json"]

    def test_what_an_earlier_process_left_half_written_is_swept(self, drops: DropDir) -> None:
        os.close(drops.stage(b"half").fd)
        drops.place("a.json", b"{}")
        (drops.path / ".gitkeep").touch()

        assert drops.sweep_staging() == 1
        assert sorted(os.listdir(drops.path)) == [".gitkeep", "a.json"]


class TestReading:
    def test_a_file_is_copied_with_its_origin(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}")
        status = (drops.path / "a.json").stat()

        data, origin = drops.read("a.json", 100)

        assert data == b"{}"
        assert origin == ("a.json", status.st_dev, status.st_ino, status.st_mtime_ns)
        assert drops.origin("a.json") == origin

    def test_the_limit_itself_is_taken_and_one_byte_more_is_not(self, drops: DropDir) -> None:
        drops.place("a.json", b"12345")

        assert drops.read("a.json", 5).data == b"12345"
        with pytest.raises(FileRefused, match="5 bytes; at most 4"):
            drops.read("a.json", 4)

    def test_a_huge_sparse_file_is_refused_unread(self, drops: DropDir) -> None:
        with open(drops.path / "a.json", "wb") as file:
            file.truncate(2**40)

        with pytest.raises(FileRefused, match="1099511627776 bytes"):
            drops.read("a.json", 1000)

    def test_a_symbolic_link_is_not_followed(self, drops: DropDir) -> None:
        (drops.path / "a.json").symlink_to("/etc/passwd")

        with pytest.raises(FileRefused, match="a symbolic link"):
            drops.read("a.json", 100_000)

    def test_a_fifo_blocks_nobody(self, drops: DropDir) -> None:
        os.mkfifo(drops.path / "a.json")

        with pytest.raises(FileRefused, match="a FIFO"):
            drops.read("a.json", 100)
        with pytest.raises(FileRefused, match="a FIFO"):
            drops.read_at_rest("a.json", 100)

    def test_a_directory_and_a_socket_are_refused(self, drops: DropDir) -> None:
        (drops.path / "a").mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{drops.fd}/b")  # a path that is short enough, wherever the test runs

        with pytest.raises(FileRefused, match="a directory"):
            drops.read("a", 100)
        with pytest.raises(FileRefused, match="a socket"):
            drops.read("b", 100)

    def test_a_second_name_is_refused_only_where_the_owner_matters(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}")
        os.link(drops.path / "a.json", drops.path / "b.json")

        assert drops.read("a.json", 100).data == b"{}"
        with pytest.raises(FileRefused, match="2 names"):
            drops.read("a.json", 100, uid=os.getuid())

    def test_a_second_name_that_is_taken_away_while_we_look_leaves_nothing_to_read(
        self, drops: DropDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One name is counted then, and it is that of a file that was never dropped here."""
        secret = tmp_path / "secret"
        secret.write_bytes(b"{}")
        os.link(secret, drops.path / "a.json")
        fstat = os.fstat

        def late(fd: int) -> os.stat_result:
            (drops.path / "a.json").unlink(missing_ok=True)
            return fstat(fd)

        monkeypatch.setattr("os.fstat", late)
        with pytest.raises(FileNotFoundError):
            drops.read("a.json", 100, uid=os.getuid())

    def test_another_users_file_is_refused_where_the_owner_matters(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}")

        assert drops.read("a.json", 100, uid=os.getuid()).data == b"{}"
        with pytest.raises(FileRefused, match="belongs to uid"):
            drops.read("a.json", 100, uid=os.getuid() + 1)

    def test_a_missing_file_is_just_missing(self, drops: DropDir) -> None:
        with pytest.raises(FileNotFoundError):
            drops.read("a.json", 100)

    @pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
    def test_an_unreadable_file_says_what_to_do(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}", 0o000)

        with pytest.raises(FileRefused, match="make it readable"):
            drops.read("a.json", 100)


class TestWhoStillWrites:
    def test_an_open_writer_is_noticed_until_it_closes(self, drops: DropDir) -> None:
        with open(drops.path / "a.json", "w") as file:
            file.write("{}")
            file.flush()
            assert drops.read_at_rest("a.json", 100) is None

        assert drops.read_at_rest("a.json", 100) == drops.read("a.json", 100)

    def test_a_reader_does_not_count(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}")

        with open(drops.path / "a.json"):
            assert drops.read_at_rest("a.json", 100) == drops.read("a.json", 100)

    def test_a_write_lease_blocks_neither_the_question_nor_the_reading(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}")
        command = [sys.executable, "-c", LEASE_HOLDER, str(drops.path / "a.json")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"

            assert drops.read_at_rest("a.json", 100) is None
            with pytest.raises(FileRefused, match="lease"):
                drops.read("a.json", 100)

            holder.kill()
        assert drops.read_at_rest("a.json", 100) == drops.read("a.json", 100)


class TestListing:
    def test_names_come_by_age_then_by_name_without_the_hidden_ones(self, drops: DropDir) -> None:
        for name, mtime in (("c", 1), ("b", 2), ("a", 2), ("d", 3), (".hidden", 0)):
            drops.place(name, b"")
            os.utime(drops.path / name, (mtime, mtime))

        assert drops.names() == ["c", "a", "b", "d"]

    def test_no_more_entries_than_the_limit_are_looked_at(self, drops: DropDir) -> None:
        for number in range(10):
            drops.place(str(number), b"")

        assert len(drops.names(limit=4)) == 4

    def test_scans_do_not_disturb_each_other(self, drops: DropDir) -> None:
        for number in range(10):
            drops.place(str(number), b"")
        with os.scandir(drops.fd) as other:
            next(other)
            assert len(drops.names()) == 10

    def test_removing_tells_whether_there_was_something(self, drops: DropDir) -> None:
        drops.place("a.json", b"{}")

        assert drops.exists("a.json")
        assert drops.remove("a.json")
        assert not drops.exists("a.json")
        assert not drops.remove("a.json")
