"""What all lists share: bounded pages, files of what is filtered, rows nobody edits."""
