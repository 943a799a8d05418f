"""Room for more levels in a compiled book."""

from jaxmm.data.book import Book, new_book


def grown(book: Book, rows: int) -> Book:
    """The same book, or a larger copy of it, in which `rows` more levels a side fit."""
    needed = int(book.n.max()) + rows
    capacity = book.keys.shape[1]
    if needed <= capacity:
        return book
    larger = new_book(max(needed, 2 * capacity))
    larger.keys[:, :capacity] = book.keys
    larger.qtys[:, :capacity] = book.qtys
    larger.n[:] = book.n
    return larger
