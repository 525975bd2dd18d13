"""Documents taken apart: a page, a book's module or a PDF as headings, paragraphs and pictures in their order."""
