"""What several formats are wrapped in: archives within bounds, XML without DTD, Office packages, values of data."""
