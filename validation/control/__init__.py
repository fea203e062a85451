"""From a curve to settings: clocks, guidance intervals, grids of σ, and the formats of other programs.

Guidance in a limited interval is that of KA24; grids of equal entropy are those of S25. Curves of the class
entropy of a trained model were first measured in H25, whose theory is H26.
"""
