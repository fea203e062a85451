"""What every package uses: untyped libraries in one place, numbers and files read safely, one-line errors."""
