"""The steps from an empty base to the present schema, one numbered file each; ``steps`` lists them in order."""
