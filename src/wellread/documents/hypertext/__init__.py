"""Markup of HTML comes in, blocks and tables as a reader of the page sees them go out."""
