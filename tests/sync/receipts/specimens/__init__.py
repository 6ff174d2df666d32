"""PDFs and pictures as people send them that the corpus is too plain for."""
