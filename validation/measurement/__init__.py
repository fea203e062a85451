"""One measurement: model, estimator, prediction, comparison, files."""
