/* SPDX-License-Identifier: MIT */
/* warc.c - one line of results → its records; api_results_warc.c adds the bodies. */
#include "service/http/warc.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/record/walk.h"
#include "base/units.h"
#include "service/version.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <nettle/sha2.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 2 * FETCH_HEADERS_BYTES_MAX };

static const char fields_type[] = "application/warc-fields";

/* ---- what all records have ---- */

/* Where a record's block begins (section 5). */
static void block_begin(struct buf *into, const char *type, size_t len)
{
	buf_printf(into, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, len);
}

static void record_begin(struct buf *into, const char *type, const struct id *id)
{
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	buf_printf(into, "WARC/1.1\r\nWARC-Type: %s\r\nWARC-Record-ID: <urn:uuid:%s>\r\n", type,
		   text);
}

/* The whole of a record of fields; `head` begins it. */
static void fields_end(struct buf *head, const struct buf *fields)
{
	block_begin(head, fields_type, fields->len);
	buf_add(head, buf_text(fields), fields->len);
	buf_add_text(head, WARC_END);
	head->failed |= !buf_ok(fields);
}

void warc_info(const struct id *job, const char *file_name, struct buf *into)
{
	struct buf fields = BUF(TEXT_BYTES_MAX);
	char now[INSTANT_TEXT_LEN + 1], text[ID_TEXT_LEN + 1];
	struct id id;

	id_new(&id);
	id_format(job, text);
	instant_format(clock_wall_ms(), now);
	record_begin(into, "warcinfo", &id);
	buf_printf(into, "WARC-Date: %s\r\nWARC-Filename: %s\r\n", now, file_name);
	buf_printf(
		&fields,
		"software: jobmill/%s\r\n"
		"format: WARC File Format 1.1\r\n"
		"conformsTo: http://iipc.github.io/warc-specifications/specifications/"
		"warc-format/warc-1.1/\r\n"
		"isPartOf: urn:uuid:%s\r\n"
		"description: Payloads are as after Content-Encoding. Heads of responses are put "
		"together anew; fields that are no longer true are there as x-archive-orig-*.\r\n",
		JOBMILL_VERSION, text);
	fields_end(into, &fields);
	buf_done(&fields);
}

/* ---- one item ---- */

struct reading {
	const struct id *job;
	struct value url, final_url, fetched_at, headers, body;
	int64_t status; /* of HTTP; 0: there was no answer */
	struct buf scratch;
};

static int64_t member_int(const struct value *object, const char *name)
{
	struct value value = walk_member(object, name);

	return value.kind == VALUE_INT ? value.integer : 0;
}

/* The bytes of a text, with a blank for each control character: nothing ends a field. */
static void text_add(struct reading *reading, const struct value *value, struct buf *into)
{
	size_t len = 0, from = into->len;
	const char *text;

	buf_clear(&reading->scratch);
	text = value->kind == VALUE_TEXT ? value_text(value, &reading->scratch, &len) : "";
	into->failed |= !text;
	if (!text || buf_add(into, text, len))
		return;
	for (size_t i = from; i < into->len; i++)
		if ((unsigned char)into->data[i] < ' ' || into->data[i] == 0x7f)
			into->data[i] = ' ';
}

static void field_add(struct reading *reading, const char *name, const struct value *value,
		      struct buf *into)
{
	if (value->kind != VALUE_TEXT)
		return;
	buf_printf(into, "%s: ", name);
	text_add(reading, value, into);
	buf_add_text(into, "\r\n");
}

/* An identifier by what it names: UUID version 8 (RFC 9562, section 5.8). */
static void record_id(const struct reading *reading, const char *type, struct id *ret)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, ID_BYTES, reading->job->bytes);
	sha256_update(&ctx, strlen(type) + 1, (const uint8_t *)type);
	sha256_update(&ctx, reading->fetched_at.len, (const uint8_t *)reading->fetched_at.at);
	sha256_update(&ctx, reading->url.len, (const uint8_t *)reading->url.at);
	sha256_digest(&ctx, sizeof(digest), digest);
	memcpy(ret->bytes, digest, ID_BYTES);
	ret->bytes[6] = (uint8_t)((ret->bytes[6] & 0x0f) | 0x80);
	ret->bytes[8] = (uint8_t)((ret->bytes[8] & 0x3f) | 0x80);
}

/* ---- a response ---- */

static bool is_followed_redirect(const struct reading *reading)
{
	return reading->status / 100 == 3 && reading->body.kind != VALUE_OBJECT;
}

/* Fields that speak of the message that was received, not of the bytes that are kept. */
static bool is_of_transfer(const char *line)
{
	static const char *const names[] = {
		"content-encoding:", "transfer-encoding:", "content-length:"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static void http_head(struct reading *reading, int64_t body_bytes, struct buf *into)
{
	struct value name, line;
	struct walk walk;

	buf_printf(into, "HTTP/1.1 %" PRId64 " %s\r\n", reading->status,
		   MHD_get_reason_phrase_for((unsigned)reading->status));
	walk_begin(&walk, &reading->headers);
	while (walk_next(&walk, &name, &line)) {
		if (line.kind == VALUE_TEXT && is_of_transfer(line.at))
			buf_add_text(into, "x-archive-orig-");
		text_add(reading, &line, into);
		buf_add_text(into, "\r\n");
	}
	buf_printf(into, "content-length: %" PRId64 "\r\n\r\n", body_bytes);
}

/* Did a redirect have a body?  Only a length of 0 says that it had none. */
static bool has_lost_body(const struct reading *reading)
{
	static const char none[] = "content-length: 0";
	struct value name, line;
	struct walk walk;

	walk_begin(&walk, &reading->headers);
	while (walk_next(&walk, &name, &line))
		if (value_text_is(&line, none, strlen(none)))
			return false;
	return is_followed_redirect(reading);
}

static void response_make(struct reading *reading, const struct id *id, struct warc_item *item)
{
	struct buf http = BUF(2 * TEXT_BYTES_MAX);
	struct value sha256 = walk_member(&reading->body, "sha256");
	bool redirect = is_followed_redirect(reading);
	struct buf *head = &item->head;

	item->body_bytes = member_int(&reading->body, "bytes");
	if (sha256.kind == VALUE_TEXT && sha256.len == BODY_NAME_LEN) {
		memcpy(item->body, sha256.at, BODY_NAME_LEN);
		item->body[BODY_NAME_LEN] = '\0';
	}
	http_head(reading, item->body_bytes, &http);
	record_begin(head, "response", id);
	field_add(reading, "WARC-Target-URI", redirect ? &reading->url : &reading->final_url, head);
	field_add(reading, "WARC-Date", &reading->fetched_at, head);
	if (item->body[0])
		buf_printf(head, "WARC-Payload-Digest: sha256:%s\r\n", item->body);
	if (has_lost_body(reading))
		buf_add_text(head, "WARC-Truncated: unspecified\r\n");
	block_begin(head, "application/http;msgtype=response", http.len + (size_t)item->body_bytes);
	buf_add(head, buf_text(&http), http.len);
	head->failed |= !buf_ok(&http);
	buf_done(&http);
}

/* ---- a failure ---- */

static void failure_make(struct reading *reading, const struct value *item, const struct id *about,
			 struct buf *into)
{
	struct value error = walk_member(item, "error"), from = walk_member(item, "from");
	struct value type = walk_member(&error, "type"), detail = walk_member(&error, "detail");
	struct buf fields = BUF(TEXT_BYTES_MAX);
	char text[ID_TEXT_LEN + 1];
	struct id id;

	record_id(reading, "metadata", &id);
	record_begin(into, "metadata", &id);
	field_add(reading, "WARC-Target-URI", &reading->url, into);
	field_add(reading, "WARC-Date", &reading->fetched_at, into);
	if (about) {
		id_format(about, text);
		buf_printf(into, "WARC-Concurrent-To: <urn:uuid:%s>\r\n", text);
	}
	field_add(reading, "via", &from, &fields);
	if (reading->status > 0)
		buf_printf(&fields, "httpStatus: %" PRId64 "\r\n", reading->status);
	field_add(reading, "error", &type, &fields);
	field_add(reading, "detail", &detail, &fields);
	fields_end(into, &fields);
	buf_done(&fields);
}

/* ---- items ---- */

void warc_item_init(struct warc_item *item)
{
	*item = (struct warc_item){
		.about = BUF(2 * TEXT_BYTES_MAX),
		.head = BUF(4 * TEXT_BYTES_MAX),
	};
}

void warc_item_done(struct warc_item *item)
{
	buf_done(&item->about);
	buf_done(&item->head);
}

void warc_item_read(struct warc_item *item, const struct id *job, const char *line, size_t len)
{
	struct reading reading = {.job = job, .scratch = BUF(TEXT_BYTES_MAX)};
	struct value whole;
	struct id id;
	bool answer;

	buf_clear(&item->about);
	buf_clear(&item->head);
	item->body[0] = '\0';
	value_read(line, len, &whole);
	reading.url = walk_member(&whole, "url");
	reading.final_url = walk_member(&whole, "final_url");
	reading.fetched_at = walk_member(&whole, "fetched_at");
	reading.headers = walk_member(&whole, "headers");
	reading.body = walk_member(&whole, "body");
	reading.status = member_int(&whole, "http_status");
	answer = reading.body.kind == VALUE_OBJECT || is_followed_redirect(&reading);
	record_id(&reading, "response", &id);
	if (answer)
		response_make(&reading, &id, item);
	if (walk_member(&whole, "error").kind == VALUE_OBJECT)
		failure_make(&reading, &whole, answer ? &id : NULL, &item->about);
	buf_done(&reading.scratch);
}
