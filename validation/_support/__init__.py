"""What every package of `validation` needs of torch, of names and of templates."""
