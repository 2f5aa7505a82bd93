"""Every error that the project raises on purpose, as one tree.

    OpenClawError
    ├── ConfigError             a setting that makes no sense; the start ends with exit code 2
    ├── StartupError            the service cannot start here; exit code 1
    ├── StopAsked               the service was asked to end before it had started
    ├── MessageRefused          a message that is not accepted; says so to its sender, with an HTTP status
    │   ├── InvalidMessage      400  malformed JSON, a missing text, a bad name
    │   ├── UnknownGroup        404
    │   ├── SenderRefused       403  the group does not listen to this sender
    │   ├── DamagedGroup        500  the group's settings cannot be read
    │   ├── IdConflict          409  the id was used with other content
    │   ├── QueueFull           429
    │   └── NotDurable          503  the disk did not take it; nothing was accepted
    ├── GroupRefused            a change to a group that is not made; says so to its caller, with an HTTP status
    │   ├── InvalidGroup        400  a bad name, or settings that make no sense
    │   ├── GroupProtected      403  Main and global stay
    │   └── GroupTaken          409  there is a group of that name
    ├── TaskRefused             a change to a scheduled task that is not made; says so, with an HTTP status
    │   ├── InvalidTask         400  a time that makes no sense, a prompt that is too long
    │   ├── UnknownTask         404
    │   ├── TooManyTasks        409
    │   └── SchedulerBusy       503  the disk did not take it, or too much waits; nothing was changed
    ├── UnknownAgent            there is no profile of that name
    ├── InvalidProfile          a profile that cannot be followed, and what to do about it
    ├── MountRefused            a place on the host that no container is given
    ├── NameTaken               publish found the name in use
    ├── FileRefused             a file that is not what we take: a link, too large, another owner
    ├── ChannelViolation        a container broke the protocol; it is killed for that
    ├── CallRefused             what an agent asked of the host is not done, and why
    ├── CallbackFailed          a callback_url did not take its reply this time
    └── RuntimeFailure          a container could not be started or reached
        ├── EngineUnavailable   no engine answers; try again later
        │   └── EngineDown      nothing listens where it should be; it may be about to start
        ├── EngineOverdue       the engine did not return in time
        ├── ImageMissing        the image is not there; `make image` makes it
        ├── NameConflict        another installation owns the container's name
        └── StartFailed         the engine refused this container

Leaf module; the container's image carries it beside `message`, `profiles` and `spool`.
"""

from __future__ import annotations


class OpenClawError(Exception):
    """Root of every error raised on purpose. Its text says what to do and may be shown to a person."""


class ConfigError(OpenClawError):
    """A setting that makes no sense, named in the text."""


class StartupError(OpenClawError):
    """The service cannot start here, and why."""


class StopAsked(OpenClawError):
    """The service was asked to end before it had started."""


class MessageRefused(OpenClawError):
    """A message that is not accepted. `status` is the HTTP status, `title` the problem's short name."""

    status = 400
    title = "Message refused"


class InvalidMessage(MessageRefused):
    title = "Invalid message"


class NotAnObject(InvalidMessage):
    """It is JSON, and no object."""


class UnknownGroup(MessageRefused):
    status = 404
    title = "Unknown group"


class SenderRefused(MessageRefused):
    status = 403
    title = "Sender refused"


class DamagedGroup(MessageRefused):
    status = 500
    title = "Group damaged"


class IdConflict(MessageRefused):
    status = 409
    title = "Id already used"


class QueueFull(MessageRefused):
    status = 429
    title = "Queue full"


class NotDurable(MessageRefused):
    """The disk did not take it. The text says why; where `again`, whoever tells the sender adds: then send it again."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.again = again

    status = 503
    title = "Not stored"


class GroupRefused(OpenClawError):
    """A change to a group that is not made. `status` is the HTTP status, `title` the problem's short name."""

    status = 400
    title = "Group refused"


class InvalidGroup(GroupRefused):
    title = "Invalid group"


class GroupProtected(GroupRefused):
    status = 403
    title = "Group protected"


class GroupTaken(GroupRefused):
    status = 409
    title = "Group taken"


class TaskRefused(OpenClawError):
    """A change to a task that is not made. `status` is the HTTP status, `title` the problem's short name."""

    status = 400
    title = "Task refused"


class InvalidTask(TaskRefused):
    title = "Invalid task"


class UnknownTask(TaskRefused):
    status = 404
    title = "Unknown task"


class TooManyTasks(TaskRefused):
    status = 409
    title = "Too many tasks"


class SchedulerBusy(TaskRefused):
    status = 503
    title = "Not changed"


class UnknownAgent(OpenClawError):
    """There is no profile of that name. The text names those that there are."""


class InvalidProfile(OpenClawError):
    """A profile that cannot be followed. The text names the file, the line and what to do."""


class MountRefused(OpenClawError):
    """A place on the host that no container is given. The text says why, and what would change that."""


class NameTaken(OpenClawError):
    """A file of that name is there already."""


class FileRefused(OpenClawError):
    """A file that is not taken as it is: a link, not regular, too large, another owner, still written."""


class ChannelViolation(OpenClawError):
    """A container broke the protocol of its channel."""


class CallRefused(OpenClawError):
    """What an agent asked of the host is not done. Its text is for the agent to act on."""


class CallbackFailed(OpenClawError):
    """A reply could not be posted to its callback_url, and why."""


class RuntimeFailure(OpenClawError):
    """A container could not be started or reached."""


class EngineUnavailable(RuntimeFailure):
    """No engine answers."""


class EngineDown(EngineUnavailable):
    """Nothing listens where the engine should be."""


class EngineOverdue(RuntimeFailure):
    """A call to the engine did not return in time."""


class ImageMissing(RuntimeFailure):
    """The agent's image is not on this machine."""


class NameConflict(RuntimeFailure):
    """Another installation owns a container of that name."""


class StartFailed(RuntimeFailure):
    """The engine refused to start this container."""
