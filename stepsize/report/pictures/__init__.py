"""Pictures: SVG of differences, curves, rates and laws, for pages, notebooks and files."""
