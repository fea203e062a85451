"""The data: mixtures, their covariances and partitions, and what they are read from."""
