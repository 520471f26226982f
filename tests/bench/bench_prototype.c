/* SPDX-License-Identifier: MIT */
/* bench_prototype.c - as little as can be asked of a durable submit over HTTP: what
 * the daemon is measured against.
 *
 *	bench_prototype DIR
 *
 * libmicrohttpd on two threads, cJSON reads the body, one thread inserts a row for
 * each job into SQLite (synchronous=FULL) and commits what gathered meanwhile; then
 * the 202s are sent.  There is no gate, no check, no event, no execution, no end.
 * Any POST is a submit; the port is written to standard output.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/lock.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 2, CONNECTIONS = 2000, BODY_BYTES_MAX = 4096 };

struct submit {
	struct MHD_Connection *mhd;
	struct submit *next;
	struct id id;
	char type[32];
	size_t len;
	char body[BODY_BYTES_MAX + 1];
	bool committed;
};

static struct lock lock = {.mutex = PTHREAD_MUTEX_INITIALIZER, .rank = LOCK_LEAF};
static struct cond queued = {.cond = PTHREAD_COND_INITIALIZER};
static struct submit *queue GUARDED_BY(lock); /* newest first */

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_prototype: %s: %s\n", what, why);
	exit(1);
}

/* ---- the writer ---- */

static void run_sql(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
}

static void step(sqlite3 *db, sqlite3_stmt *stmt)
{
	if (sqlite3_step(stmt) != SQLITE_DONE)
		die("step", sqlite3_errmsg(db));
	sqlite3_reset(stmt);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
	return stmt;
}

static sqlite3 *database_open(const char *dir)
{
	char path[4096];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/prototype.db", dir);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		die(path, sqlite3_errmsg(db));
	run_sql(db, "PRAGMA journal_mode=WAL");
	run_sql(db, "PRAGMA synchronous=FULL");
	run_sql(db, "PRAGMA secure_delete=OFF");
	run_sql(db, "PRAGMA wal_autocheckpoint=4000");
	run_sql(db,
		"CREATE TABLE jobs (id BLOB PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL,"
		" state INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID");
	return db;
}

static struct submit *batch_take(void)
{
	struct submit *batch = NULL, *submit, *next;

	lock_take(&lock);
	while (!queue)
		cond_wait(&queued, &lock);
	submit = queue;
	queue = NULL;
	lock_drop(&lock);
	for (; submit; submit = next) { /* oldest first again */
		next = submit->next;
		submit->next = batch;
		batch = submit;
	}
	return batch;
}

static void insert(sqlite3 *db, sqlite3_stmt *stmt, const struct submit *submit)
{
	sqlite3_bind_blob(stmt, 1, submit->id.bytes, ID_BYTES, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, submit->type, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, submit->body, (int)submit->len, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, clock_wall_ms());
	step(db, stmt);
}

static void *writer(void *dir)
{
	sqlite3 *db = database_open(dir);
	sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE");
	sqlite3_stmt *add = prepare(db, "INSERT INTO jobs VALUES (?1, ?2, ?3, 0, ?4)");
	sqlite3_stmt *commit = prepare(db, "COMMIT");

	for (;;) {
		struct submit *batch = batch_take(), *next;

		step(db, begin);
		for (struct submit *submit = batch; submit; submit = submit->next)
			insert(db, add, submit);
		step(db, commit);
		for (; batch; batch = next) {
			next = batch->next; /* after the resume it may be gone */
			batch->committed = true;
			MHD_resume_connection(batch->mhd);
		}
	}
	return NULL;
}

/* ---- HTTP ---- */

static enum MHD_Result answer(struct MHD_Connection *mhd, unsigned status, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc;

	MHD_add_response_header(response, "Content-Type", "application/json");
	rc = MHD_queue_response(mhd, status, response);
	MHD_destroy_response(response);
	return rc;
}

static int submit_read(struct submit *submit)
{
	cJSON *json = cJSON_ParseWithLength(submit->body, submit->len);
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "type"));

	if (type)
		snprintf(submit->type, sizeof(submit->type), "%s", type);
	cJSON_Delete(json);
	return type ? 0 : -1;
}

static enum MHD_Result accepted(const struct submit *submit)
{
	char id[ID_TEXT_LEN + 1], text[100];

	id_format(&submit->id, id);
	snprintf(text, sizeof(text), "{\"id\": \"%s\", \"state\": \"pending\"}\n", id);
	return answer(submit->mhd, MHD_HTTP_ACCEPTED, text);
}

static enum MHD_Result submit_queue(struct submit *submit)
{
	if (submit_read(submit))
		return answer(submit->mhd, MHD_HTTP_BAD_REQUEST, "{\"title\": \"no job\"}\n");
	id_new(&submit->id);
	MHD_suspend_connection(submit->mhd);
	lock_take(&lock);
	submit->next = queue;
	queue = submit;
	if (!submit->next)
		cond_signal(&queued);
	lock_drop(&lock);
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *uri,
				  const char *method, const char *version, const char *bytes,
				  size_t *len, void **context)
{
	struct submit *submit = *context;

	(void)cls, (void)uri, (void)method, (void)version;
	if (!submit) {
		*context = submit = malloc(sizeof(*submit));
		if (!submit)
			return MHD_NO;
		submit->mhd = mhd;
		submit->len = 0;
		submit->committed = false;
		return MHD_YES;
	}
	if (*len > 0) {
		if (*len > BODY_BYTES_MAX - submit->len)
			return MHD_NO;
		memcpy(submit->body + submit->len, bytes, *len);
		submit->len += *len;
		*len = 0;
		return MHD_YES;
	}
	return submit->committed ? accepted(submit) : submit_queue(submit);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode why)
{
	(void)cls, (void)mhd, (void)why;
	free(*context);
	*context = NULL;
}

static struct MHD_Daemon *daemon_start(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
				NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &at,
				MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)8192,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
	struct rlimit files = {CONNECTIONS + 100, CONNECTIONS + 100};
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *daemon;
	pthread_t thread;

	if (argc != 2)
		die("usage", "bench_prototype DIR");
	setrlimit(RLIMIT_NOFILE, &files);
	daemon = daemon_start();
	if (!daemon || pthread_create(&thread, NULL, writer, argv[1]))
		die("start", "no threads");
	info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	printf("%u\n", info->port);
	fflush(stdout);
	pthread_join(thread, NULL); /* until it is killed */
	return 0;
}
