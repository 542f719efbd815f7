"""The way in: looking at a shop's sources before anything is loaded, and writing its first file."""
