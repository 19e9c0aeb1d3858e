"""Discovery, catalogue, recipes, composition and bundles."""
