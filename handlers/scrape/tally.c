/* SPDX-License-Identifier: MIT */
/* tally.c - counts of a crawl. */
#include "handlers/scrape/tally.h"

#include "base/json.h"
#include "base/limits.h"
#include "handlers/run.h"
#include "handlers/scrape/scrape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TALLY_VERSION = 4 };

void tally_init(struct tally *tally)
{
	memset(tally, 0, sizeof(*tally));
	tally->version = TALLY_VERSION;
}

size_t tally_bytes(const struct tally *tally)
{
	return offsetof(struct tally, hosts) + tally->hosts_count * sizeof(tally->hosts[0]);
}

void tally_load(struct tally *tally, const void *blob, size_t len)
{
	tally_init(tally);
	if (len < offsetof(struct tally, hosts) || len > sizeof(*tally))
		return;
	memcpy(tally, blob, len);
	if (tally->version != TALLY_VERSION || tally->hosts_count > TALLY_HOSTS_MAX ||
	    tally_bytes(tally) != len)
		tally_init(tally);
}

/* ---- counting ---- */

static struct tally_host *host_of(struct tally *tally, const char *key)
{
	struct tally_host *host;
	size_t len = strlen(key);

	for (uint32_t i = 0; i < tally->hosts_count; i++)
		if (strcmp(tally->hosts[i].key, key) == 0)
			return &tally->hosts[i];
	if (tally->hosts_count == TALLY_HOSTS_MAX || len == 0 || len >= TALLY_HOST_BYTES_MAX)
		return &tally->others;
	host = &tally->hosts[tally->hosts_count++];
	memcpy(host->key, key, len + 1);
	return host;
}

static void host_add(struct tally_host *host, const struct tally_host *more)
{
	host->fetches += more->fetches;
	host->succeeded += more->succeeded;
	host->failed += more->failed;
	host->bytes += more->bytes;
}

void tally_page(struct tally *tally, const struct fetch_result *result, bool failed)
{
	struct tally_host more = {
		.fetches = result->attempts > 0 || result->cached != FETCH_UNCACHED,
		.succeeded = !failed,
		.failed = failed,
		.bytes = (int64_t)result->wire_bytes,
	};

	tally->bytes += more.bytes;
	host_add(host_of(tally, result->host_key), &more);
}

bool tally_mend(struct tally *tally)
{
	int64_t failed = tally->others.failed;

	tally->others.failed = 0;
	for (uint32_t i = 0; i < tally->hosts_count; i++) {
		failed += tally->hosts[i].failed;
		tally->hosts[i].failed = 0;
	}
	return failed > 0;
}

void tally_add(struct tally *tally, const struct tally *more)
{
	tally->elapsed_ms = MAX(tally->elapsed_ms, more->elapsed_ms);
	tally->depth = MAX(tally->depth, more->depth);
	tally->bytes += more->bytes;
	tally->redirects += more->redirects;
	tally->duplicates += more->duplicates;
	tally->unchanged += more->unchanged;
	tally->bodies += more->bodies;
	tally->bodies_bytes += more->bodies_bytes;
	for (int i = 0; i < LINK_SKIPS; i++)
		tally->skipped[i] += more->skipped[i];
	host_add(&tally->others, &more->others);
	for (uint32_t i = 0; i < more->hosts_count; i++)
		host_add(host_of(tally, more->hosts[i].key), &more->hosts[i]);
}

/* ---- the summary ---- */

static void failed_out(struct run *run, struct json_out *out)
{
	json_out_object(out, "failed_by");
	for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
		int64_t count = run_failed_by(run, (enum err_code)code);

		if (count > 0)
			json_out_int(out, err_name((enum err_code)code), count);
	}
	json_out_end(out, '}');
}

static void skipped_out(const struct tally *tally, struct json_out *out)
{
	static const char *const names[] = {
#define X(skip, name) name,
		LINK_SKIP_TABLE(X)
#undef X
	};

	json_out_object(out, "skipped");
	for (int i = 0; i < LINK_SKIPS; i++)
		json_out_int(out, names[i], tally->skipped[i]);
	json_out_end(out, '}');
}

static void host_out(const struct tally_host *host, struct json_out *out)
{
	json_out_object(out, NULL);
	json_out_text(out, "host", host->key[0] ? host->key : NULL);
	json_out_int(out, "fetches", host->fetches);
	json_out_int(out, "succeeded", host->succeeded);
	json_out_int(out, "failed", host->failed);
	json_out_int(out, "bytes", host->bytes);
	json_out_end(out, '}');
}

static int host_compare(const void *a, const void *b)
{
	const struct tally_host *x = a, *y = b;

	if (x->fetches != y->fetches)
		return x->fetches < y->fetches ? 1 : -1;
	return strcmp(x->key, y->key);
}

static void hosts_out(const struct tally *tally, struct json_out *out)
{
	struct tally sorted = *tally;

	qsort(sorted.hosts, sorted.hosts_count, sizeof(sorted.hosts[0]), host_compare);
	json_out_array(out, "hosts");
	for (uint32_t i = 0; i < sorted.hosts_count; i++)
		host_out(&sorted.hosts[i], out);
	if (sorted.others.succeeded + sorted.others.failed > 0)
		host_out(&sorted.others, out);
	json_out_end(out, ']');
}

static void follow_out(const struct tally *tally, struct json_out *out)
{
	json_out_int(out, "depth", tally->depth);
	json_out_int(out, "redirects", tally->redirects);
	json_out_int(out, "duplicates", tally->duplicates);
	skipped_out(tally, out);
}

static void saved_out(const struct tally *tally, struct json_out *out)
{
	json_out_int(out, "bodies", tally->bodies);
	json_out_int(out, "bodies_bytes", tally->bodies_bytes);
}

void tally_details(const struct tally *tally, struct run *run)
{
	struct buf text = BUF(RUN_DETAILS_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);

	json_out_object(&out, NULL);
	json_out_int(&out, "bytes", tally->bytes);
	hosts_out(tally, &out);
	json_out_end(&out, '}');
	if (buf_ok(&text))
		run_details(run, text.data, text.len);
	buf_done(&text);
}

int tally_summary(const struct tally *tally, struct run *run, const struct plan *plan,
		  struct err *err)
{
	struct buf text = BUF(JOB_SUMMARY_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	struct run_left left;
	double seconds = (double)MAX(tally->elapsed_ms, 1) / 1000;
	int rc;

	run_left(run, &left);
	json_out_object(&out, NULL);
	json_out_int(&out, "urls", left.parts);
	json_out_int(&out, "succeeded", left.parts_done);
	json_out_int(&out, "failed", left.parts_failed);
	failed_out(run, &out);
	json_out_int(&out, "bytes", tally->bytes);
	json_out_double(&out, "pages_per_s", round((double)left.parts / seconds * 10) / 10);
	if (plan->since.fields)
		json_out_int(&out, "unchanged", tally->unchanged);
	if (plan->save.on)
		saved_out(tally, &out);
	if (plan->follow)
		follow_out(tally, &out);
	hosts_out(tally, &out);
	json_out_end(&out, '}');
	rc = buf_ok(&text) ? run_summary(run, text.data, text.len, err)
			   : err_set(err, ERR_NO_MEMORY, "no memory for the summary");
	buf_done(&text);
	return rc;
}
