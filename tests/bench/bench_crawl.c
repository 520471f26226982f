/* SPDX-License-Identifier: MIT */
/* bench_crawl.c - the least that a crawler can be: curl multi and libxml2.
 *
 *	bench_crawl http://127.0.0.1:8000 pages at-once
 *
 * Fetches /0.html to /N-1.html, takes title and links of each on two parse threads, and
 * keeps nothing: no frontier, no seen set, no politeness, nothing on a disk.  What it
 * is faster than a crawler is what a crawler costs.  Prints {"rate":…,"links":…}.
 */
#include "base/clock.h"
#include "base/lock.h"

#include <curl/curl.h>
#include <libxml/HTMLparser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE_MAX = 1024, PARSERS = 2, WAITING_MAX = 256, URL_ROOM = 200 };

struct body {
	char *bytes;
	size_t len;
	struct body *next;
};

struct queue {
	struct lock lock;
	struct cond filled, room;
	struct body *first, **last;
	unsigned count;
	bool over;
	uint64_t links, titles;
};

static struct queue queue;
static const char *site;
static unsigned pages, at_once;

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- parsing ---- */

static void tree_count(xmlNode *node, uint64_t *links, uint64_t *titles)
{
	for (; node; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (strcmp((const char *)node->name, "a") == 0) {
			xmlChar *href = xmlGetProp(node, (const xmlChar *)"href");

			*links += href != NULL;
			xmlFree(href);
		} else if (strcmp((const char *)node->name, "title") == 0) {
			xmlChar *title = xmlNodeGetContent(node);

			*titles += title != NULL;
			xmlFree(title);
		}
		tree_count(node->children, links, titles);
	}
}

static struct body *body_take(void)
{
	struct body *body;

	lock_take(&queue.lock);
	while (!queue.first && !queue.over)
		cond_wait(&queue.filled, &queue.lock);
	body = queue.first;
	if (body) {
		queue.first = body->next;
		if (!queue.first)
			queue.last = &queue.first;
		queue.count--;
		cond_signal(&queue.room);
	}
	lock_drop(&queue.lock);
	return body;
}

static void *parser_main(void *unused)
{
	uint64_t links = 0, titles = 0;
	struct body *body;

	(void)unused;
	while ((body = body_take()) != NULL) {
		xmlDoc *doc = htmlReadMemory(body->bytes, (int)body->len, NULL, NULL,
					     HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING);

		tree_count(xmlDocGetRootElement(doc), &links, &titles);
		xmlFreeDoc(doc);
		free(body->bytes);
		free(body);
	}
	lock_take(&queue.lock);
	queue.links += links;
	queue.titles += titles;
	lock_drop(&queue.lock);
	return NULL;
}

static void body_give(struct body *body)
{
	lock_take(&queue.lock);
	while (queue.count >= WAITING_MAX)
		cond_wait(&queue.room, &queue.lock);
	body->next = NULL;
	*queue.last = body;
	queue.last = &body->next;
	queue.count++;
	cond_signal(&queue.filled);
	lock_drop(&queue.lock);
}

/* ---- fetching ---- */

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
	struct body *body = *(struct body **)ctx;

	body->bytes = must(realloc(body->bytes, body->len + size * count + 1));
	memcpy(body->bytes + body->len, bytes, size * count);
	body->len += size * count;
	return size * count;
}

struct slot {
	CURL *easy;
	struct body *body;
};

static void slot_start(CURLM *multi, struct slot *slot, unsigned page)
{
	char url[URL_ROOM];

	snprintf(url, sizeof(url), "%s/%u.html", site, page);
	slot->body = must(calloc(1, sizeof(*slot->body)));
	curl_easy_setopt(slot->easy, CURLOPT_URL, url);
	curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, &slot->body);
	curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
	curl_multi_add_handle(multi, slot->easy);
}

static unsigned crawl(void)
{
	static struct slot slots[AT_ONCE_MAX];
	CURLM *multi = curl_multi_init();
	unsigned started = 0, ended = 0, failed = 0;
	int running;

	for (; started < at_once && started < pages; started++) {
		slots[started].easy = must(curl_easy_init());
		slot_start(multi, &slots[started], started);
	}
	while (ended < pages) {
		CURLMsg *message;
		int left;

		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)) != NULL) {
			CURL *easy = message->easy_handle;
			struct slot *slot;

			failed += message->data.result != CURLE_OK;
			curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&slot);
			curl_multi_remove_handle(multi, easy);
			body_give(slot->body);
			ended++;
			if (started < pages)
				slot_start(multi, slot, started++);
		}
		if (ended < pages)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	for (unsigned i = 0; i < at_once; i++)
		curl_easy_cleanup(slots[i].easy);
	curl_multi_cleanup(multi);
	return failed;
}

int main(int argc, char **argv)
{
	pthread_t parsers[PARSERS];
	int64_t began_us;
	unsigned failed;
	double seconds;

	if (argc != 4) {
		fprintf(stderr, "usage: bench_crawl http://host:port pages at-once\n");
		return 2;
	}
	site = argv[1];
	pages = (unsigned)strtoul(argv[2], NULL, 10);
	at_once = MIN((unsigned)strtoul(argv[3], NULL, 10), (unsigned)AT_ONCE_MAX);
	lock_init(&queue.lock, LOCK_LEAF);
	cond_init(&queue.filled);
	cond_init(&queue.room);
	queue.last = &queue.first;
	xmlInitParser();
	began_us = clock_us();
	for (int i = 0; i < PARSERS; i++)
		if (pthread_create(&parsers[i], NULL, parser_main, NULL))
			abort();
	failed = crawl();
	lock_take(&queue.lock);
	queue.over = true;
	cond_broadcast(&queue.filled);
	lock_drop(&queue.lock);
	for (int i = 0; i < PARSERS; i++)
		pthread_join(parsers[i], NULL);
	seconds = (double)(clock_us() - began_us) / 1e6;
	printf("{\"rate\":%.1f,\"links\":%llu,\"titles\":%llu,\"failed\":%u}\n", pages / seconds,
	       (unsigned long long)queue.links, (unsigned long long)queue.titles, failed);
	return failed != 0;
}
