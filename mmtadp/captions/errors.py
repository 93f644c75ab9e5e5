"""What goes wrong in ways that the user can put right."""

from mmtadp.utils.resumable import RunError


class CaptioningError(RunError):
    """Arguments, images and files do not go together; the message says what to do."""


class UnusableImageError(ValueError):
    """An image that cannot be captioned. It is listed and the run goes on."""
