"""Sync: meter events from staging to a settled outcome."""
