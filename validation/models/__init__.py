"""Models as denoisers: the oracle, EDM and EDM2 networks, diffusers pipelines, the digits model."""
