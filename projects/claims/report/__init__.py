"""Statistics, verdicts and plots of the results, and the page that shows them."""
