/* SPDX-License-Identifier: MIT */
/* api_routes.c - every path of the API, in one table; openapi.yaml says the same. */
#include "service/http/api.h"

/* clang-format off */
const struct route api_routes[] = {
	{METHOD_POST,   "/v1/jobs",               job_submit,       ROUTE_BODY, SCOPE_WRITE, 0},
	{METHOD_GET,    "/v1/jobs",               job_list,         0, SCOPE_READ,  0},
	{METHOD_POST,   "/v1/jobs/batch",         job_submit_batch, ROUTE_BODY, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/validate",      job_validate,     ROUTE_BODY, SCOPE_READ,  0},
	{METHOD_POST,   "/v1/jobs/cancel",        jobs_cancel,      0, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/retry",         jobs_retry,       0, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/pause",         jobs_pause,       0, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/resume",        jobs_resume,      0, SCOPE_WRITE, 0},
	{METHOD_GET,    "/v1/jobs/{id}",          job_show,         0, SCOPE_READ,  0},
	{METHOD_PATCH,  "/v1/jobs/{id}",          job_patch,        ROUTE_BODY, SCOPE_WRITE, 0},
	{METHOD_DELETE, "/v1/jobs/{id}",          job_delete,       0, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/{id}/cancel",   job_cancel,       0, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/{id}/retry",    job_retry,        0, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/{id}/pause",    job_pause,        0, SCOPE_WRITE, 0},
	{METHOD_POST,   "/v1/jobs/{id}/resume",   job_resume,       0, SCOPE_WRITE, 0},
	{METHOD_GET,    "/v1/jobs/{id}/results",  job_results,      0, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/jobs/{id}/errors",   job_errors,       0, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/jobs/{id}/logs",     job_logs,         0, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/jobs/{id}/attempts", job_attempts,     0, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/jobs/{id}/events",   job_events,       ROUTE_STREAM, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/events",             all_events,       ROUTE_STREAM, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/handlers",           handler_list,     0, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/handlers/{name}",    handler_show,     0, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/hosts",              host_list,        0, SCOPE_READ,  0},
	{METHOD_GET,    "/v1/hosts/{key}",        host_show,        0, SCOPE_READ,  0},
	{METHOD_PATCH,  "/v1/hosts/{key}",        host_patch,       ROUTE_BODY, SCOPE_ADMIN, 0},
	{METHOD_POST,   "/v1/hosts/{key}/open",   host_open,        0, SCOPE_ADMIN, 0},
	{METHOD_POST,   "/v1/hosts/{key}/close",  host_close,       0, SCOPE_ADMIN, 0},
	{METHOD_POST,   "/v1/hosts/{key}/reset",  host_reset,       0, SCOPE_ADMIN, 0},
	{METHOD_GET,    "/v1/pool",               pool_show,        0, SCOPE_READ,  0},
	{METHOD_GET,    "/metrics",               metrics_show,     0, SCOPE_READ,  0},
	{METHOD_GET,    "/livez",                 livez,            ROUTE_OPEN | ROUTE_DRAINING, 0, 0},
	{METHOD_GET,    "/readyz",                readyz,           ROUTE_OPEN | ROUTE_DRAINING, 0, 0},
	{METHOD_GET,    "/openapi.yaml",          openapi_show,     ROUTE_OPEN, 0, 0},
	{METHOD_GET,    "/",                      front_page,       ROUTE_OPEN, 0, 0},
	{0},
};
/* clang-format on */
