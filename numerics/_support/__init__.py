"""What every room of `numerics` needs of JAX and of seeds."""
