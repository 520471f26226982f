/* SPDX-License-Identifier: MIT */
/* lane_hosts.h - which hosts have all the work that they get through.
 *
 * Of many hosts one that is slow, asks for delays or is dead would in time hold every
 * fetch of a crawl.  So a lane looks how long a host will need for what is under way
 * there, and leaves its other parts for later when that is long.
 *
 * Threads    one lane's.
 * Units      _ms of the monotonic clock.
 */
#ifndef HANDLERS_SCRAPE_LANE_HOSTS_H
#define HANDLERS_SCRAPE_LANE_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

enum { LANE_HOSTS_MAX = 64 }; /* with work under way; of others nothing is known */

struct lane_hosts {
	struct lane_host {
		uint64_t group; /* as of parts */
		unsigned under_way;
		int64_t last_ms; /* something ended, or the first began */
		double gap_ms;	 /* between two ends, smoothed; 0: none ended yet */
	} at[LANE_HOSTS_MAX];
	uint64_t group; /* the first one seen */
	bool any, many; /* many: another one was seen too */
};

enum lane_turn {
	TURN_NOW,
	TURN_SOON,  /* it has its share, and gets through it */
	TURN_LATER, /* it has work for long */
};

/* May one more fetch begin there?  Alone a host may have all `fetches` of the lane; of
 * several one that has not answered yet a quarter of them, any other three. */
enum lane_turn lane_host_turn(struct lane_hosts *hosts, uint64_t group, unsigned fetches,
			      int64_t now_ms);
void lane_host_began(struct lane_hosts *hosts, uint64_t group, int64_t now_ms);
void lane_host_ended(struct lane_hosts *hosts, uint64_t group, int64_t now_ms);

#endif
