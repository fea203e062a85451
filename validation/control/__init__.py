"""From a curve to settings: clocks, guidance intervals, grids of σ, and the formats of other programs."""
