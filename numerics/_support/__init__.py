"""What every package of `numerics` needs of JAX and of seeds."""
