"""Many servers, or many clusters behind one: who belongs to the fleet, what is true of all, and the page above."""
