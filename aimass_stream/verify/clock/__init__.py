"""A folder for the path of processes whose wall clock is to be wrong; see `sitecustomize`."""
