"""Ways to run a command on an endpoint. `base` is the seam; quoting and host-key policy live behind it."""
