"""One purchase on its way: document, invoice, upload, lost answers, marker."""
