"""Helpers of mmtadp that know nothing of models: files, versions, launching, resumable runs."""
