"""Two classes, one number γ: entropy, mean-square error, agreement of clones, guidance, and their levels."""
