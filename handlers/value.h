/* SPDX-License-Identifier: MIT */
/* value.h - the summary {"value": …} of handlers that compute one thing. */
#ifndef HANDLERS_VALUE_H
#define HANDLERS_VALUE_H

#include "base/json.h"
#include "base/limits.h"
#include "handlers/run.h"

/* Room for the largest value that still makes a summary. */
enum { VALUE_BYTES_MAX = JOB_SUMMARY_BYTES_MAX - 64 };

static inline int value_summary_raw(struct run *run, const char *json, size_t len, struct err *err)
{
	struct buf text = BUF(JOB_SUMMARY_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	int rc;

	json_out_object(&out, NULL);
	json_out_raw(&out, "value", json, len);
	json_out_end(&out, '}');
	rc = buf_ok(&text) ? run_summary(run, text.data, text.len, err)
			   : err_set(err, ERR_OVERFLOW, "the value is longer than %d bytes",
				     VALUE_BYTES_MAX);
	buf_done(&text);
	return rc;
}

static inline int value_summary_text(struct run *run, const char *text, size_t len, struct err *err)
{
	struct buf quoted = BUF(JOB_SUMMARY_BYTES_MAX);
	int rc;

	json_quote(&quoted, text, len);
	rc = buf_ok(&quoted) ? value_summary_raw(run, quoted.data, quoted.len, err)
			     : err_set(err, ERR_OVERFLOW, "the value is longer than %d bytes",
				       VALUE_BYTES_MAX);
	buf_done(&quoted);
	return rc;
}

#endif
