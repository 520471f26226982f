/* SPDX-License-Identifier: MIT */
/* body.h - the body of an answer, kept with the job (`save_body`).
 *
 * It is what was received after Content-Encoding, before any charset, under its SHA-256;
 * the item says its name, its length, and where it is to be had, and has the answer's headers.  An
 * answer that a fetch calls failed, and a redirect that is followed as a link, have none.
 *
 * Threads    any; a struct saved is its lane's.
 */
#ifndef HANDLERS_SCRAPE_BODY_H
#define HANDLERS_SCRAPE_BODY_H

#include "base/err.h"
#include "handlers/run.h"
#include "handlers/scrape/page.h"

struct crawl;
struct json;
struct json_out;
struct lane;
struct mistakes;
struct plan;

struct saved {
	char sha256[PAGE_HASH_LEN + 1]; /* "": nothing is kept */
	char job[ID_TEXT_LEN + 1];
	size_t bytes;
	struct err err; /* why it cannot be; ERR_NONE: it can */
};

struct save_plan {
	bool on;
	int64_t bytes_max; /* of one job */
};

void save_read(const struct json *spec, struct save_plan *ret, struct mistakes *mistakes);

/* Its name, or that there is none. */
void body_name(const struct run *run, const struct plan *plan, const struct fetch_result *result,
	       struct saved *ret);
/* The member `body` of an item, or null. */
void body_out(const struct saved *saved, struct json_out *out);
/* The member `headers`: the lines of the answer's head, or null. */
void headers_out(const struct fetch_result *result, struct json_out *out);
/* Keeps it and counts it.  saved->err says that the job has too many.  -1: the attempt cannot go
 * on: the disk is full, or broken. */
int body_keep(struct run *run, struct crawl *crawl, struct lane *lane,
	      const struct fetch_result *result, struct saved *saved, struct err *err);

#endif
