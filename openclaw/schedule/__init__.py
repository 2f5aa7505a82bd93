"""Schedule: tasks that come due at times, each of which then is a message like any other.

    cron        five fields, and the next local time that they name
    zone        local times of a time zone, its gaps and its doubled hours
    timing      when a task is due: by cron, by an interval, or once
    request     what somebody asks for, checked
    shown       a task as it is told
    task        a task and its last runs, as they are in its file
    store       the files, `ipc/tasks/ID.json`
    book        the tasks of this process: what may be changed, and what is due
    timerfd     the kernel's timer, by ctypes
    runs        what is due is claimed, handed over, and seen through to its end
    keeper      what people and agents ask for, done
    scheduler   the one thread that does all of that
    calls       the tools of agents
"""
