"""What is told of connections once they are over. May not: change what happens to them."""
