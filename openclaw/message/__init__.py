"""What travels: messages in, replies out, and the frames between host and container.

Owns no state and starts no thread; every function is pure and may be called from any thread.
The container's image carries this package, so that the protocol has one implementation.
"""

from openclaw.message.frames import Frame, FrameKind, frame_name, parse_frame_name
from openclaw.message.model import Message, Priority, Reply, Timing
from openclaw.message.names import is_name
from openclaw.message.signals import complexity_signals
from openclaw.message.strict_json import dump_bytes, load_object

__all__ = [
    "Frame",
    "FrameKind",
    "Message",
    "Priority",
    "Reply",
    "Timing",
    "complexity_signals",
    "dump_bytes",
    "frame_name",
    "is_name",
    "load_object",
    "parse_frame_name",
]
