"""Windows: convolutions and poolings as slices and matrix products, which are fast in any loop on a CPU."""
