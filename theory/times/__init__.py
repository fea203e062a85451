"""When the class is decided: criteria, their solutions and expansions, and the window around them."""
