/* SPDX-License-Identifier: MIT */
/* body.c - a body on its way to on_body, and the brakes.
 *
 *   take: on_body wants more ─▶ go on
 *         on_body says PAUSE ─▶ in `pausing` ─▶ body_pause stops the socket
 *                                                    │ fetch_resume
 *                body_resume hands over what gathered, then lets the socket go on, or
 *                finishes an attempt whose answer was complete already
 *
 * body_pause comes after each round of libcurl, for the reason that transfer.h gives.
 */
#include "net/attempt.h"

#include "base/limits.h"

bool body_take(void *ctx, const char *bytes, size_t len)
{
	struct fetch *fetch = ctx;
	const struct buf *head = &fetch->transfer->head;
	struct fetch_answer answer = {.head = head->data, .head_len = head->len};
	long status = 0;

	curl_easy_getinfo(fetch->transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	answer.status = (int)status;
	fetch->handed = true;
	if (fetch->on_body(fetch->ctx, &answer, bytes, len) == FETCH_GO_ON)
		return true;
	ring_drop(&fetch->pausing);
	ring_add(&fetch->fetcher->pausing, &fetch->pausing);
	return false;
}

void body_news(void *ctx)
{
	struct fetch *fetch = ctx;
	struct fetch_progress progress = {.decoded_bytes = fetch->transfer->decoded_bytes};
	int64_t now_ms = clock_ms();

	if (now_ms - fetch->told_ms < FETCH_PROGRESS_MS)
		return;
	fetch->told_ms = now_ms;
	transfer_progress(fetch->transfer, &progress.wire_bytes, &progress.expected_bytes);
	fetch->on_progress(fetch->ctx, &progress);
}

void body_pause(struct fetcher *fetcher)
{
	while (!ring_empty(&fetcher->pausing)) {
		struct fetch *fetch = CONTAINER_OF(fetcher->pausing.next, struct fetch, pausing);

		ring_drop(&fetch->pausing);
		watch_pause(fetch, clock_ms());
		if (!fetch->over)
			transfer_pause(fetch->transfer);
	}
}

void body_resume(struct fetch *fetch)
{
	struct transfer *transfer = fetch->transfer;

	if (!transfer || !transfer->paused)
		return;
	transfer_resume(transfer, fetch->over);
	if (transfer->paused)
		return; /* its clocks stand still */
	watch_resume(fetch, clock_ms());
	if (fetch->over)
		attempt_finish(fetch, fetch->over_code);
}
