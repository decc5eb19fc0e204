"""What bytes mean: bytes in, values out. May not: decide what follows, or wait for more than it is given."""
