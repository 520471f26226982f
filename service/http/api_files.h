/* SPDX-License-Identifier: MIT */
/* api_files.h - what the two files about /v1/files share. */
#ifndef SERVICE_HTTP_API_FILES_H
#define SERVICE_HTTP_API_FILES_H

#include "base/files.h"
#include "base/json.h"
#include "service/http/request.h"

/* {file...} of the path.  NULL: *err. */
const char *path_file(const struct request *request, struct err *err);

/* If-Match and If-None-Match, copied. */
int condition_read(struct request *request, struct file_condition *ret, struct err *err);

/* A file in an answer, left open for more members.  sha256 NULL: it is not known. */
void file_out(struct json_out *out, const char *name, const struct file_version *version,
	      const uint8_t *sha256);

/* ETag, and Repr-Digest when the sum is known. */
void file_headers(struct request *request, const struct file_version *version,
		  const uint8_t *sha256);

#endif
