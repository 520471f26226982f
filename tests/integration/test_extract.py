# SPDX-License-Identifier: MIT
"""Fields: what they find in pages and JSON answers, what is refused, and how they are tried."""
import hashlib
import json

from origin import page, redirect

SHOP = """<!doctype html><title>Shop</title><meta property="og:title" content="The shop">
<script type="application/ld+json">{"@type": "Product", "name": "Bike", "offers": {"price": "99.5"}}</script>
<div class="p" id="1"><b>One</b><i>1.234,50 EUR</i><time datetime="2024-03-05T10:00Z">5. März</time></div>
<div class="p" id="2"><b>Two</b><i>sold out</i></div><a href="/next">SKU: AB-12</a>"""

FIELDS = {
    "names": {"xpath": "//div/b", "all": True},
    "price": {"css": "i", "type": "number", "locale": "de"},
    "day": {"css": "time", "type": "date"},
    "sku": {"regex": "SKU: (?<sku>[A-Z]+)", "group": "sku"},
    "og": {"meta": "og:title"},
    "product": {"jsonld": "Product/offers/price", "type": "number"},
    "items": {"each": ".p", "fields": {"id": {"xpath": "@id", "type": "integer"}, "name": "b"}},
    "none": {"css": "h6", "default": "-"},
}

FOUND = {
    "names": ["One", "Two"], "price": 1234.5, "day": "2024-03-05T10:00:00Z", "sku": "AB",
    "og": "The shop", "product": 99.5,
    "items": [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}], "none": "-",
}


def one(jobs, url, **spec):
    job = jobs.run("scrape", {"urls": [url], **spec})
    item, = jobs.results(job["id"])
    return job, item


def tried(jobs, **body):
    answer = jobs.post("/v1/handlers/scrape/test", body)
    assert answer.status == 200, answer
    return answer.json()


def test_a_job_extracts_all_kinds_of_fields(jobs, origin):
    """Every source once; the item also names what its body is."""
    _, item = one(jobs, origin.at("/", page(SHOP)), extract=FIELDS)
    assert item["status"] == "success", item
    assert {name: item["data"][name] for name in FIELDS} == FOUND
    assert item["data"]["body_sha256"] == hashlib.sha256(SHOP.encode()).hexdigest()


def test_a_json_answer_keeps_its_digits(jobs, origin):
    """A pointer, elements of an array, and fields inside them."""
    body = '{"items": [{"id": 12345678901234567890, "n": "1,5"}, {"id": 2}], "next": "/p2"}'
    url = origin.at("/api", page(body, Content_Type="application/json"))
    _, item = one(jobs, url, extract={
        "ids": {"json": "/items", "all": True, "fields": {"id": {"json": "/id"}}},
        "n": {"json": "/items/0/n", "type": "number"},
        "next": {"json": "/next", "type": "url"}})
    assert item["data"]["ids"] == [{"id": 12345678901234567890}, {"id": 2}]
    assert item["data"]["n"] == 1.5
    assert item["data"]["next"] == f"{origin.url}/p2"


def test_a_required_field_that_is_missing_fails_its_page(jobs, origin):
    """One page has it, one has not: one item failed, in /errors too; the job completes."""
    good, bad = origin.at("/a", page("<h1>x</h1>")), origin.at("/b", page("<p>y</p>"))
    job = jobs.run("scrape", {"urls": [good, bad],
                              "extract": {"h": {"css": "h1", "required": True}}})
    assert (job["state"], job["counts"]) == ("completed", {"items": 2, "failed": 1})
    items = {item["url"]: item for item in jobs.results(job["id"])}
    assert items[good]["data"]["h"] == "x"
    assert items[bad]["error"] == {"type": "missing-field",
                                   "detail": "the required field 'h' is not there"}
    failed, = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert failed["error"]["type"] == "missing-field"


def test_what_does_not_compile_is_told_at_submit_all_at_once(jobs):
    """Pointer, column and a hint for each."""
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": ["http://127.0.0.1:1/"], "extract": {
            "a": {"xpath": "//a[contians(., 'x')]"}, "b": {"regex": "a(b"},
            "c": {"json": "x"}, "d": "a[", "e": {"each": "p", "fields": {"x": {"regex": "["}}}}}})
    assert answer.status == 422
    errors = {e["pointer"]: e for e in answer.json()["errors"]}
    assert set(errors) == {"/spec/extract/a/xpath", "/spec/extract/b/regex", "/spec/extract/c/json",
                           "/spec/extract/d", "/spec/extract/e/fields/x/regex"}
    first = errors["/spec/extract/a/xpath"]
    assert (first["column"], first["hint"]) == (5, "contains")


def test_fields_are_tried_on_a_pasted_page(jobs):
    """Values as in an item, the number of matches, the page's facts, a warning."""
    answer = tried(jobs, html=SHOP, url="https://shop.example/x", extract=FIELDS)
    assert {name: field["value"] for name, field in answer["fields"].items()} == FOUND
    assert answer["fields"]["price"]["matches"] == 1
    assert answer["fields"]["items"]["matches"] == 2
    assert answer["page"]["title"] == "Shop"
    assert answer["page"]["links"] == ["https://shop.example/next"]
    assert answer["warnings"] == [{"field": "none", "detail": "nothing was found"}]


def test_fields_are_tried_on_a_fetched_page(jobs, origin):
    """Redirects are followed; a JSON text can be pasted, too."""
    origin.at("/there", page("<h1>a</h1><h1>b</h1>"))
    url = origin.at("/here", redirect("/there"))
    answer = tried(jobs, url=url, extract={"h": "h1"})
    assert answer["fields"]["h"]["value"] == "a"
    assert answer["fields"]["h"]["matches"] == 2
    assert (answer["http_status"], answer["final_url"]) == (200, f"{origin.url}/there")
    answer = tried(jobs, html=json.dumps({"a": [1, 2]}), content_type="application/json",
                   extract={"a": {"json": "/a", "all": True}})
    assert answer["fields"]["a"]["value"] == [1, 2]


def test_a_field_that_costs_too_much_fails_alone(jobs):
    """A catastrophic pattern is the error of its field."""
    answer = tried(jobs, html="<p>" + "a" * 60 + "!</p><h1>x</h1>",
                   extract={"slow": {"css": "p", "regex": "(a+)+$"}, "h": "h1"})
    assert answer["fields"]["slow"]["error"]["type"] == "limit"
    assert answer["fields"]["h"]["value"] == "x"


def test_a_test_that_cannot_be_made_is_a_problem(jobs, start_daemon):
    """No JSON, mistakes with pointers, no such handler, a handler without tests, an
    address that is not allowed."""
    path = "/v1/handlers/scrape/test"
    assert jobs.post(path, b"{").status == 400
    answer = jobs.post(path, {"extract": {"a": "["}})
    assert answer.status == 422
    assert answer.pointers == ["/html", "/extract/a"]
    assert jobs.post("/v1/handlers/scrap/test", {}).status == 404
    assert jobs.post("/v1/handlers/math/test", {}).status == 422
    careful = start_daemon().client
    answer = careful.post(path, {"url": "http://127.0.0.1:1/", "extract": {}})
    assert (answer.status, answer.problem) == (422, "guard")
