//! Loom models of the protocols, each named for its claim.
