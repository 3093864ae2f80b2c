"""The page of one commune on paper: PDF/UA by WeasyPrint, from the same page, with nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.report import Look
from toolkit.report.model import Report

FORMAT = "pdf"


def render(reports: Sequence[Report], look: Look) -> bytes:
    """Return the PDF of the one report.

    Raises:
        BadInputError: several communes, or none: a document belongs to one commune.
    """
    from toolkit.report.html_page import of_report

    if len(reports) != 1:
        raise BadInputError(_("a PDF is for one commune: name it with --commune"))
    return printed(of_report(reports[0], paper=True, sheet=look.sheet))


def printed(page: str) -> bytes:
    """Return a page of ours as PDF/UA. The same page gives the same bytes: no date and no number but those it says."""
    import weasyprint  # half a second to import: only who prints pays for it

    document = weasyprint.HTML(string=page, url_fetcher=_refuse)
    pdf: bytes = document.write_pdf(pdf_variant="pdf/ua-1", pdf_identifier=b"nomade")
    return pdf


def _refuse(url: str, *_more: object, **_named: object) -> NoReturn:
    raise ValueError(f"our pages fetch nothing: {url}")
