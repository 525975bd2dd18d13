"""Films: videos to look at with their notes on time, as contact sheets and on the page."""
