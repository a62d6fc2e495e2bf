"""Windows: convolutions and poolings in forms that are fast in any loop on a CPU."""
