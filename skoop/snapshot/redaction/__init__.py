"""Names and addresses replaced so that a snapshot can be shared and says the same."""

from skoop.snapshot.redaction.redact import redact

__all__ = ["redact"]
