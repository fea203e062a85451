"""Pipelines of diffusers as denoisers: what is read, what is refused, texts, schedules, single files."""
