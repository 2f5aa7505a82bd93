"""Schedule: tasks that come due at times, each of which then is a message like any other.

    cron        five fields, and the next local time that they name
    zone        local times of a time zone, its gaps and its doubled hours
    timing      when a task is due: by cron, by an interval, or once
    request     what somebody asks for, checked
    task        a task and its last runs, as they are in its file
    store       the files, `ipc/tasks/ID.json`
    book        the tasks of this process: what may be changed, and what is due
    timerfd     the kernel's timer, by ctypes
    scheduler   the one thread that owns the book, claims what is due, and hands it over
    calls       the tools of agents
"""
