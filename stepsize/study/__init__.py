"""Studies: candidates, the protocol that decides which runs are made, and the store that keeps them."""
