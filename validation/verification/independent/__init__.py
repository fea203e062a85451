"""Routes from the definition that share nothing with `theory`: what the checks compare with."""
