"""What somebody tries who means harm, and the wall that each attempt meets."""
