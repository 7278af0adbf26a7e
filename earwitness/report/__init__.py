"""A page to listen to the clips and to read what the models say of them."""
