/* SPDX-License-Identifier: MIT */
/* api_query.h - typed readers of query parameters.
 *
 * Each answers -1 and ERR_BAD_PARAMETER, saying what would be right, when the
 * parameter is there and wrong, and its default when it is absent.
 *
 * Threads    the request's.
 */
#ifndef SERVICE_HTTP_API_QUERY_H
#define SERVICE_HTTP_API_QUERY_H

#include "service/http/request.h"
#include "store/store.h"

/* ?limit=: 1 … LIST_ITEMS_MAX, LIST_ITEMS_DEFAULT. */
int query_limit(struct request *request, unsigned *ret_limit, struct err *err);

/* ?name=true|false|1|0, or no value for true; false when absent. */
int query_bool(struct request *request, const char *name, bool *ret, struct err *err);

/* A whole number from 0 to 2^63 - 1; `name` is for the error. */
int number_read(const char *name, const char *text, uint64_t *ret, struct err *err);
int query_number(struct request *request, const char *name, uint64_t fallback, uint64_t *ret,
		 struct err *err);

/* The members of a job filter: state, type, name, priority, tag, since, until, q;
 * repeated ones mean OR.  Texts are borrowed from the request.  Sets nothing else. */
int query_filter(struct request *request, struct job_filter *filter, struct err *err);
/* Their names, ended by NULL, to put before a handler's own in request_query_check(). */
#define QUERY_FILTER_NAMES "state", "type", "name", "priority", "tag", "since", "until", "q"
bool query_filter_given(struct request *request); /* any of them */

/* Link: rel="next": the same query with another cursor. */
void query_next_link(struct request *request, const char *path, const char *cursor);

/* {id} of the path.  ERR_NOT_FOUND when it is no UUID: there is no such job. */
int path_id(struct request *request, struct id *ret_id, struct err *err);

#endif
