"""Whether what was filed is what it claims: PDF/A-2b by the clauses of ISO 19005-2 that can be looked at, FHIR R4 by schema and model.

Invariant: this looks at the bytes with another library than the one that made them; it is no validator's certificate.
"""

import hashlib
import io
import json
from base64 import b64decode
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pypdf
from fhir.resources.R4B import get_fhir_model_class
from pypdf.generic import DictionaryObject, StreamObject

HERE = Path(__file__).parent
PDFA = "{http://www.aiim.org/pdfa/ns/id/}"
FORBIDDEN = {
    "/JavaScript",
    "/JS",
    "/Launch",
    "/Sound",
    "/Movie",
    "/ResetForm",
    "/ImportData",
    "/GoToR",
    "/Rendition",
    "/Trans",
    "/GoTo3DView",
}
FILTERS = {"/FlateDecode", "/DCTDecode"}


def is_pdfa(data: bytes) -> pypdf.PdfReader:
    """The document, opened again."""
    reader = pypdf.PdfReader(io.BytesIO(data), strict=True)
    root = reader.trailer["/Root"]
    assert data.startswith(b"%PDF-1.") and min(data.split(b"\n", 2)[1][1:5]) > 127, "6.1.2: header and four bytes above 127"  # noqa: PT018
    assert data.rstrip().endswith(b"%%EOF")
    assert not reader.is_encrypted, "6.1.3"
    assert len(reader.trailer["/ID"]) == 2, "6.1.3"
    _check_metadata(root)
    [intent] = root["/OutputIntents"]
    profile = intent["/DestOutputProfile"].get_object()
    assert (intent["/S"], profile["/N"]) == ("/GTS_PDFA1", 3)
    assert profile.get_data()[36:40] == b"acsp", "6.2.3: an ICC profile"
    assert profile.get_data()[16:20] == b"RGB "
    for each in objects(reader):
        _check_object(each)
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    for font in fonts:
        _check_font(font)
    return reader


def objects(reader: pypdf.PdfReader) -> list[object]:
    numbers = {number for table in reader.xref.values() for number in table} | set(reader.xref_objStm)
    return [reader.get_object(number) for number in sorted(numbers) if number]


def _check_metadata(root: DictionaryObject) -> None:
    stream = root["/Metadata"]
    assert "/Filter" not in stream, "6.6.2.1: readable by whoever knows no PDF"
    described = ElementTree.fromstring(stream.get_data().strip())
    said = {name: described.find(f".//{PDFA}{name}").text for name in ("part", "conformance")}
    assert said == {"part": "2", "conformance": "B"}


def _check_object(each: object) -> None:
    if not isinstance(each, DictionaryObject):
        return
    assert FORBIDDEN.isdisjoint({each.get("/S"), *each}), "6.5: no action that does something"
    assert "/AA" not in each
    assert each.get("/Type") not in ("/EmbeddedFile", "/Filespec"), "6.8"
    if isinstance(each, StreamObject):
        given = each.get("/Filter", [])
        assert set(given if isinstance(given, list) else [given]) <= FILTERS, "6.1.7: no LZW"
        assert "/F" not in each, "6.1.7.1: nothing outside the file"
    if each.get("/Subtype") == "/Image":
        assert not {"/Alternates", "/OPI"} & set(each), "6.2.8"
        assert each.get("/Interpolate", False) is not True, "6.2.8"
        assert each["/ColorSpace"] in ("/DeviceRGB", "/DeviceGray"), "6.2.4: under the output intent"


def _check_font(font: DictionaryObject) -> None:
    assert (font["/Subtype"], font["/Encoding"]) == ("/Type0", "/Identity-H")
    assert font["/ToUnicode"].get_object().get_data()
    [inner] = [each.get_object() for each in font["/DescendantFonts"]]
    assert inner["/FontDescriptor"]["/FontFile2"].get_object().get_data(), "6.2.11.4: embedded"
    assert inner["/CIDToGIDMap"] is not None, "6.2.11.3.2"
    assert inner["/CIDSystemInfo"]["/Ordering"] == "Identity" or "/Registry" in inner["/CIDSystemInfo"]


def text_of(reader: pypdf.PdfReader) -> str:
    """In one line, as it is searched."""
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def pictures_of(reader: pypdf.PdfReader) -> list[bytes]:
    """As they are in it, still encoded."""
    found = [stream for page in reader.pages for stream in page["/Resources"].get("/XObject", {}).values()]
    return [stream.get_object()._data for stream in found]


@cache
def _schema() -> dict:
    return json.loads((HERE / "fhir" / "documents.schema.json").read_text())


def is_fhir(resource: dict) -> dict:
    jsonschema.Draft6Validator(_schema() | {"$ref": f"#/definitions/{resource['resourceType']}"}).validate(resource)
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    return resource


def is_document(resource: dict, pdf: bytes) -> dict:
    """What neither schema sees."""
    is_fhir(resource)
    [content] = resource["content"]
    attachment = content["attachment"]
    assert attachment["size"] == len(pdf)
    assert b64decode(attachment["hash"]) == hashlib.sha1(pdf).digest()
    assert resource["masterIdentifier"] in resource["identifier"]
    assert {"#" + each["id"] for each in resource["contained"]} >= {resource["author"][0]["reference"]}
    return resource
