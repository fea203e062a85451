"""Work that is kept: blocks of a long run, manifests, files that are whole or absent."""
