"""What every room uses: untyped libraries in one place, numbers and files read safely, errors of one line."""
