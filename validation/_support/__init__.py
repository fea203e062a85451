"""What every room of `validation` needs of torch, of names and of templates."""
