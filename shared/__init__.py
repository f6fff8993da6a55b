"""The product: a pure core, the Azure clients around it, and the two conductors `settle` and `sweep`."""
