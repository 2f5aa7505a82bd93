"""What /proc tells of this very process."""

from __future__ import annotations

import os
import resource
import select
import subprocess
import sys
import threading

from openclaw.bench.procfs import Spent, children, cpu_s, lasting, peak_mb, rss_mb, spent_since, threads


def test_a_thread_that_waits_is_seen_to_wake_up_and_to_compute() -> None:
    before = threads(os.getpid())
    for _ in range(100):
        select.select([], [], [], 0.0001)  # a lock may be back before anybody has to wait
    after = threads(os.getpid())
    spent = spent_since(before, after)
    assert spent.wakeups >= 100
    assert 0 < spent.cpu_s < 10


def test_wake_ups_are_the_switches_that_a_thread_asked_for() -> None:
    def asked_for() -> int:
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw

    before = asked_for()
    told = threads(os.getpid())[threading.get_native_id()].wakeups
    assert before <= told <= asked_for()


def test_a_thread_that_began_meanwhile_counts_from_zero_and_one_that_ended_not_at_all() -> None:
    before = {1: Spent(10, 1.0), 2: Spent(5, 5.0)}
    after = {1: Spent(13, 1.5), 3: Spent(7, 0.25)}
    assert spent_since(before, after) == Spent(10, 0.75)


def test_memory_is_told_in_megabytes() -> None:
    assert 5 < rss_mb(os.getpid()) < 5000


def test_the_peak_is_never_below_what_is_held_now() -> None:
    before = peak_mb(os.getpid())
    much = bytearray(64_000_000)
    much[::4096] = b"x" * len(much[::4096])  # every page is touched
    del much
    assert peak_mb(os.getpid()) >= max(before, rss_mb(os.getpid()), 64)


def test_a_process_has_computed_what_all_its_threads_have() -> None:
    before = cpu_s(os.getpid())
    used = resource.getrusage(resource.RUSAGE_SELF)
    thread = threading.Thread(target=lambda: sum(range(3_000_000)))
    thread.start()
    thread.join()
    now = resource.getrusage(resource.RUSAGE_SELF)
    spent = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    assert cpu_s(os.getpid()) - before > spent - 0.05  # in ticks of 10 ms, and two clocks


def test_processes_that_end_are_told_from_those_that_stay() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as staying, subprocess.Popen(["true"]) as ending:
        ending.wait(30)
        assert lasting([ending.pid, staying.pid], 0) == [staying.pid]
        staying.communicate(b"\n", timeout=30)
    assert lasting([staying.pid], 60) == []


def test_one_that_ends_meanwhile_is_waited_for_and_not_reaped() -> None:
    with subprocess.Popen(["true"]) as child:
        assert lasting([child.pid], 30) == []
        assert child.wait(30) == 0


def test_children_are_told_with_their_command_lines() -> None:
    command = [sys.executable, "-c", "input()", "an argument"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert children(os.getpid())[child.pid] == command
        child.communicate(b"\n", timeout=30)
    assert child.pid not in children(os.getpid())
