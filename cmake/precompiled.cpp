// A target that only precompiles headers must have a source.
