/* SPDX-License-Identifier: MIT */
/* transfer.h - one HTTP exchange: a libcurl easy handle with our limits around it.
 *
 * A transfer is set up, added to the loop, and read out when libcurl is done with it;
 * then it can be set up again.  What it receives is counted while it arrives: header
 * lines and bytes, wire bytes, decoded bytes and their ratio.  The guard sees the
 * address of each new connection and again of each connection that is used once more.
 *
 * A body either gathers in `body`, or goes to take() as it comes (answers of 2xx only).
 * When take() wants no more, libcurl is not told inside its callback, where it would
 * keep what it has decoded and show it again later: what the same read still brings
 * gathers in `body`, bounded, and transfer_pause() stops the socket afterwards.
 *
 * libcurl watches the time to connect only; all other clocks are watch.c's, since they
 * stand still while we are the ones who pause.
 *
 * Threads    the fetcher's.
 * Ownership  a transfer borrows what its plan points to until the next setup.
 * Errors     transfer_outcome() puts libcurl's code into one of our reasons.
 */
#ifndef NET_TRANSFER_H
#define NET_TRANSFER_H

#include "base/buf.h"
#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct fetch;
struct guard;
struct loop;

struct transfer_plan {
	const char *url, *method;
	const char *user_agent; /* NULL: none */
	struct curl_slist *headers;
	const void *body;
	size_t body_len;
	int64_t connect_ms;
	size_t body_bytes_max; /* decoded */
	const char *ca_file;   /* NULL: the system's */
	bool insecure, http2;
	const struct guard *guard;
	struct loop *loop;
	/* A connection is used: its address, and whether that is allow-listed. */
	void (*reached)(void *ctx, const char *address, bool inside);
	void (*head)(void *ctx, int status); /* the head of the answer is complete */
	/* Takes the bytes; false: no more until transfer_resume().  NULL: gather them. */
	bool (*take)(void *ctx, const char *bytes, size_t len);
	void (*news)(void *ctx); /* bytes came; NULL: no matter */
	void *ctx;
};

struct transfer {
	CURL *easy;
	struct fetch *fetch; /* whose it is now */
	struct transfer_plan plan;
	struct buf body;
	struct buf
		head; /* "name\0value\0" of each header of the last answer, names in lower case */
	size_t head_bytes;
	unsigned head_lines;
	uint64_t decoded_bytes;
	int64_t started_us;
	bool head_whole;   /* of an answer that is not interim */
	bool takes;	   /* take() gets the body */
	bool paused;	   /* take() wants no more: what comes gathers in `body` */
	struct err abort;  /* why one of our callbacks stopped it; ERR_NONE: none did */
	struct err denied; /* the guard's last word against an address to connect to */
	/* What the handle was last told, so that it is told again only when it changes: each
	 * option with a text costs libcurl a copy. */
	struct {
		const char *user_agent, *ca_file;
		struct loop *loop; /* NULL: nothing yet */
		bool insecure, http2;
	} told;
	bool used_body; /* the handle has to be reset before a plain GET */
};

struct transfer *transfer_new(void); /* NULL: no memory */
void transfer_free(struct transfer *transfer);
int transfer_setup(struct transfer *transfer, const struct transfer_plan *plan); /* -1: no memory */

/* The plan's take() said no: stops the socket. */
void transfer_pause(struct transfer *transfer);
/* Hands over what gathered, then lets the socket go on, unless take() says no again.
 * `over`: libcurl is done with it. */
void transfer_resume(struct transfer *transfer, bool over);
/* So far: of the wire without heads, and as announced (0: unknown). */
void transfer_progress(const struct transfer *transfer, uint64_t *ret_wire, uint64_t *ret_expected);
uint64_t transfer_bytes(const struct transfer *transfer); /* in both directions */

/* What came of it. */
struct transfer_end {
	struct err err; /* ERR_NONE: an answer arrived whole */
	int status;	/* 0: none */
	int64_t connect_us, first_byte_us, total_us;
	uint64_t wire_bytes;
	bool silent; /* no byte of an answer */
};
void transfer_read(struct transfer *transfer, CURLcode code, struct transfer_end *ret_end);

/* The last value of a header of the last answer; NULL when absent. */
const char *head_find(const char *head, size_t head_len, const char *name);
/* The nth value of it, from 0; NULL: there are no more. */
const char *head_find_nth(const char *head, size_t head_len, const char *name, unsigned nth);

#endif
