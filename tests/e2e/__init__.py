"""The product as support staff use it: a browser, a web server and a real worker."""
