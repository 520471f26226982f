/* SPDX-License-Identifier: MIT */
/* origin.h - an HTTP server for tests that does what the URL tells it to.
 *
 *   origin_url(origin, "/a?status=503,200&delay=50")
 *
 * answers the first request for that target with 503 and every later one with 200,
 * each after 50 ms.  Parameters, in any order, split by '&':
 *
 *   flap=5          five good answers, five with 500, five good ones, …
 *   raw=NAME        an answer that no server should give: see the table in origin_raw.c
 *   status=503,200  one for each request for this target, the last one repeats; 0: reset
 *   delay=50        milliseconds before the answer
 *   size=1000       octets of the body (default 2); above a MiB they are made while they
 *                   are written: origin_octet() at each place
 *   drip=20         one octet of the body each 20 ms
 *   retry_after=1   the value of Retry-After, with statuses other than 200
 *   header=20000    octets of one header; headers=300: so many headers
 *   age=60          Cache-Control: max-age=60
 *   to=/b           Location, up to the end of the target
 *   bomb=8          MiB of zeros as the body, as gzip
 *   cut             the connection ends in the middle of the body
 *   silent          no answer at all
 *   garbage         an answer that is not HTTP
 *   close           the connection ends after the answer
 *   echo            the body is the request's head
 *
 * Threads    it has one of its own; every function from any thread.
 * Ownership  origin_url's text is the caller's (free()).
 * Errors     a failing call of the system ends the test.
 * Units      milliseconds, octets.
 * Locks      LOCK_ORIGIN.
 */
#ifndef TESTS_LIB_ORIGIN_H
#define TESTS_LIB_ORIGIN_H

struct origin;

struct origin *origin_new(void); /* on 127.0.0.1, a free port */
void origin_free(struct origin *origin);

int origin_port(const struct origin *origin);
char *origin_url(const struct origin *origin, const char *target);

unsigned origin_hits(struct origin *origin, const char *target); /* requests for it */
unsigned origin_connections(struct origin *origin);		 /* accepted so far */
unsigned origin_busy_max(struct origin *origin);		 /* most answers owed at once */
unsigned long origin_sent(struct origin *origin);		 /* octets that the kernel took */

/* What stands at a place of a large body. */
static inline char origin_octet(unsigned long place)
{
	return (char)('a' + place % 23); /* prime to every size of a block */
}

#endif
