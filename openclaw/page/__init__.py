"""The page that the service shows at `/`: its files, and the document that is made of them."""

from openclaw.page.document import Document, load

__all__ = ["Document", "load"]
