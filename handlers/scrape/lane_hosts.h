/* SPDX-License-Identifier: MIT */
/* lane_hosts.h - which hosts have all the work that they get through.
 *
 * Of many hosts one that is slow, asks for delays or is dead would in time hold every
 * fetch of a crawl.  So a lane looks how long a host will need for what is under way
 * there, and leaves its other parts for later when that is long; of one that does not
 * answer it tries one at a time.
 *
 * Threads    one lane's.
 * Units      _ms of the monotonic clock.
 */
#ifndef HANDLERS_SCRAPE_LANE_HOSTS_H
#define HANDLERS_SCRAPE_LANE_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

enum { LANE_HOSTS_MAX = 64 }; /* of others nothing is known */

struct lane_hosts {
	struct lane_host {
		uint64_t group; /* as of parts */
		unsigned under_way;
		unsigned silences; /* fetches in a row that ended without an answer */
		bool answered;	   /* once */
		int64_t last_ms;   /* something ended, or the first began */
		double gap_ms;	   /* between two ends, smoothed */
	} at[LANE_HOSTS_MAX];
	unsigned count; /* of them, in use */
	uint64_t group; /* the first one seen */
	bool any, many; /* many: another one was seen too */
};

enum lane_turn {
	TURN_NOW,
	TURN_SOON,  /* it has its share, and gets through it */
	TURN_LATER, /* it has work for long, or says nothing */
};

/* May one more fetch begin there?  Alone a host may have all `fetches` of the lane; of
 * several any may have three quarters. */
enum lane_turn lane_host_turn(struct lane_hosts *hosts, uint64_t group, unsigned fetches,
			      int64_t now_ms);
void lane_host_began(struct lane_hosts *hosts, uint64_t group, int64_t now_ms);
/* `answered`: there was an answer, be it an error.  True: the first one of a silent host, whose
 * turn has come. */
bool lane_host_ended(struct lane_hosts *hosts, uint64_t group, bool answered, int64_t now_ms);

/* Are fetches under way at hosts that say nothing? */
bool lane_hosts_silent(const struct lane_hosts *hosts);

#endif
