"""What every room of `validation` needs of torch and of names."""
