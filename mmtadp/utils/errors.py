"""The error that a user can fix."""


class RunError(ValueError):
    """Arguments, files and earlier runs are inconsistent; the message describes the way out."""
