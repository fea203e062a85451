"""Everything else that is exact: many classes, unequal scales, products of choices, finite data."""
