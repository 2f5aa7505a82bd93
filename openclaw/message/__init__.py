"""What travels: messages in, replies out, and the frames between host and container.

Owns no state and starts no thread; every function is pure and may be called from any thread.
The container's image carries this package, so that the protocol has one implementation.
"""

from openclaw.message.frames import (
    Frame,
    FrameKind,
    FrameName,
    events_name,
    frame_name,
    parse_events_name,
    parse_frame_name,
)
from openclaw.message.model import Message, Priority, Reply, Timing
from openclaw.message.names import is_id, is_name, is_reply_id, parent_id, sent_id, subagent_id
from openclaw.message.record import Record, Summary
from openclaw.message.signals import complexity_signals
from openclaw.message.strict_json import dump_bytes, load_object

__all__ = [
    "Frame",
    "FrameKind",
    "FrameName",
    "Message",
    "Priority",
    "Record",
    "Reply",
    "Summary",
    "Timing",
    "complexity_signals",
    "dump_bytes",
    "events_name",
    "frame_name",
    "is_id",
    "is_name",
    "is_reply_id",
    "load_object",
    "parent_id",
    "parse_events_name",
    "parse_frame_name",
    "sent_id",
    "subagent_id",
]
