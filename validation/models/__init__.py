"""Models as denoisers: the oracle, EDM and EDM2 networks, diffusers pipelines, and the embedded models."""
