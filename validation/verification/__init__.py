"""Every theorem proved and measured, and the report of it."""
