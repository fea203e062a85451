"""Models as denoisers: the oracle, EDM2 networks, diffusers pipelines, the digits model."""
