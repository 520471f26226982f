/* SPDX-License-Identifier: MIT */
/* limits.h - every bound of the daemon: one line, one reason.
 *
 * Units are the last word of a name.  Those that an operator may move are only
 * defaults here (…_DEFAULT); service/config.c says which flag moves them.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* clang-format off */
enum {
	/* text */
	LOG_LINE_BYTES_MAX        = 16 * 1024,        /* one write(2) that a terminal or journald takes whole */
	LOG_VALUE_BYTES_MAX       = 2048,             /* escaped sixfold, one still fits a line */
	NAME_BYTES_MAX            = 200,              /* job names, tag keys and values: a label, not a document */

	/* JSON */
	JSON_DEPTH_MAX            = 32,               /* specs are shallow; recursion below stays small */
	JSON_NODES_MAX            = 1 << 20,          /* a cJSON node is 64 bytes: 64 MiB at most */
	JSON_STRING_BYTES_MAX     = 4 * 1024 * 1024,  /* pasted HTML and scripts fit */
	JSON_TREE_BYTES_MAX       = 160 * 1024 * 1024, /* those nodes, and a name and a text for each */

	/* records */
	RECORD_BYTES_MAX          = 16 * 1024 * 1024, /* one record is held whole in a lane */
	RECORD_DEPTH_MAX          = 128,              /* the scan recurses: 30 KiB of stack at most */
	RECORD_FIELDS_MAX         = 1000,             /* paths that one plan reads */
	ROWS_MAX                  = 256,              /* read at once: with a few values each they fit the L1 cache */
	ROWS_VALUES_MAX           = 16 * 1024,        /* of them: 512 KiB, less rows when somebody wants 1,000 fields */
	INPUT_RATIO_MAX           = 250,              /* decoded to stored; logs reach 50 */
	INPUT_RATIO_FREE_BYTES    = 256 * 1024 * 1024, /* may decompress without measure: seconds of work */
	INPUT_CHUNK_BYTES_MIN     = 256 * 1024,       /* a portion of a file: some milliseconds of work … */
	INPUT_CHUNK_BYTES_MAX     = 16 * 1024 * 1024, /* … and no more than a second of it is lost by a crash */
	INPUT_QUOTED_BYTES_MAX    = 2 * 1024 * 1024,  /* a portion of quoted CSV is held whole in a lane */
	INPUT_DISK_FREE_BYTES_MIN = 256 * 1024 * 1024, /* documents of the web stop there: the store comes first */
	INPUT_ZSTD_WINDOW_LOG_MAX = 27,               /* 128 MiB, what zstd itself takes without being asked */
	WRITER_BYTES_MAX          = 64 * 1024 * 1024, /* output that gathers until somebody takes it */
	FORMAT_NULLS_MAX          = 16,               /* texts that are null, each compared with each field */
	SCHEMA_MEMBERS_MAX        = 1000,             /* named in one object of a schema */
	SCHEMA_BYTES_MAX          = 16 * 1024 * 1024, /* a thousand members compile to 400 KiB */
	SCHEMA_WORK_MAX           = 20 * 1000 * 1000, /* steps a record, 10 to 50 ns each; one of 16 MiB has 8 million values */
	SCHEMA_DEPTH_MAX          = 512,              /* the check recurses, 400 bytes each: a $ref for each of 128 levels */
	SCHEMA_REPORT_BYTES_MAX   = 8 * 1024,         /* violations of one record, one with a whole pattern; an error shows 400 */
	SPEC_MISTAKES_MAX         = 100,              /* enough to mend a spec in one go */
	SPEC_MISTAKES_BYTES_MAX   = 1024 * 1024,      /* 100 with pointer, detail, hint and source */
	SPEC_POINTER_BYTES_MAX    = 1024,             /* a deeper place is named by what is around it */
	SPEC_PARAMS_MAX           = 64,               /* members in one table: one bit each in a word */

	/* patterns */
	PATTERN_BYTES_MAX         = 4096,             /* longer ones are programs */
	PATTERN_GROUPS_MAX        = 64,               /* a scratch has room for that many, whatever the pattern */
	PATTERN_MATCH_STEPS_MAX   = 1000 * 1000,      /* from one start: (a+)+$ ends within 20 ms */
	PATTERN_MEMORY_KIB_MAX    = 1024,             /* of backtracking, in each lane */
	PATTERN_SEARCH_US_MAX     = 100 * 1000,       /* CPU of one search; 10 MiB take an ordinary one 10 ms */

	/* expressions */
	EXPR_BYTES_MAX            = 16 * 1024,        /* a list of 1,000 ids fits; longer ones are tables */
	EXPR_NODES_MAX            = 2000,             /* eval recurses through a+b+c+…: half of them deep */
	EXPR_DEPTH_MAX            = 64,               /* brackets in brackets: the parser recurses, 1 KiB each */
	EXPR_ARENA_BYTES_MAX      = 1024 * 1024,      /* those nodes and the texts take a quarter of it */
	EXPR_SCRATCH_BYTES_MAX    = 64 * 1024 * 1024, /* computed texts of one record: four times its size */
	CALL_ARGS_MAX             = 1000,             /* values of one call or of one list */
	EXPR_WORK_MAX             = 256 * 1000 * 1000, /* bytes read for one record: 16 full ones; 0.5 s of a hostile `like` */

	/* scripts */
	SCRIPT_BYTES_MAX          = 256 * 1024,       /* longer ones are programs, and compile in 10 ms still */
	SCRIPTS_MAX               = 256,              /* of one plan, each in every lane's vm */
	SCRIPT_FIELDS_MAX         = 64,               /* members named by a script; with more it gets the whole record */
	SCRIPT_MEMORY_BYTES_MAX   = 32 * 1024 * 1024, /* of one vm: scripts, records, all of it */
	SCRIPT_STRING_BYTES_MAX   = 4 * 1024 * 1024,  /* one string: one instruction costs 1 ms at most */
	SCRIPT_WORK_MAX           = 20 * 1000 * 1000, /* instructions of one call: a tenth of a second */
	SCRIPT_CPU_US_MAX         = 1000 * 1000,      /* CPU of one call, where instructions are dear */
	SCRIPT_TOLD_BYTES_MAX     = 64 * 1024 * 1024, /* records and pairs of one call */
	SCRIPT_VALUES_MAX         = 4000,             /* arguments and results of one call; Lua's stack stays small */
	SCRIPT_LOG_BYTES_MAX      = 2048,             /* of one line */

	/* groups and their functions */
	AGGREGATE_KEYS_MAX        = 32,               /* of one group: more is a record */
	AGGREGATE_MEMBERS_MAX     = 256,              /* functions of one plan */
	AGGREGATE_KEPT_MAX        = 10000,            /* values that collect() and top() keep of a group */
	GROUP_VALUE_BYTES_MAX     = 64 * 1024,        /* a key, or a value that is kept: many of each are in memory */
	GROUP_BLOB_BYTES_MAX      = 256 * 1024,       /* groups inside a checkpoint; more of them are files */
	GROUP_RUNS_MAX            = 256,              /* files of one table before they become one */

	/* HTTP */
	HTTP_BODY_BYTES_MAX       = 16 * 1024 * 1024, /* a batch of 10,000 ordinary jobs */
	HTTP_HEADERS_MAX          = 64,               /* proxies add a dozen */
	HTTP_HEADER_BYTES_MAX     = 16 * 1024,        /* cookies and tokens of clients behind proxies */
	HTTP_URI_BYTES_MAX        = 3 * 1024,
	HTTP_CONNECTION_BYTES     = 24 * 1024,        /* such a head; each KiB costs 0.03 µs a request */
	HTTP_STREAM_HEAD_BYTES_MAX = 2 * 1024,        /* larger, and a stream is served like all else */
	HTTP_STREAM_BYTES         = 5 * 1024,         /* 10,000 idle streams stay below 120 MiB */
	HTTP_LINGER_MAX           = 256,              /* connections that end while their client still sends */
	HTTP_LINGER_MS            = 5 * 1000,         /* it has that long to read its answer */
	HTTP_QUERY_MAX            = 64,               /* names and values of one query */
	HTTP_ARENA_BYTES_MAX      = 64 * 1024 * 1024, /* what a handler may build for one request */
	HTTP_REPLY_BYTES_MAX      = 64 * 1024 * 1024, /* a batch's outcomes; more is streamed */
	HTTP_WAKE_AT_ONCE_MAX     = 48,               /* sleepers of a thread; above, wakes are gathered */
	HTTP_WAKE_GATHER_MS       = 50,               /* 20 Hz: 10,000 streams still leave CPU */
	HTTP_CONNECTIONS_MAX      = 12000,            /* 10,000 subscribers and 2,000 others */
	HTTP_CONNECTIONS_PER_ADDRESS_MAX = 12000,     /* same machine by default; lowered off loopback */
	HTTP_HEADERS_MS_MAX       = 10 * 1000,        /* to send all headers */
	HTTP_BODY_MS_MAX          = 30 * 1000,        /* to send the body, or 1 KiB/s in each such time */
	HTTP_BODY_BYTES_PER_S_MIN = 1024,
	HTTP_IDLE_MS_MAX          = 60 * 1000,        /* between requests */
	HTTP_WRITE_STALL_MS_MAX   = 30 * 1000,        /* a reader that takes nothing */
	HTTP_KEEP_ALIVE_MS        = 15 * 1000,        /* SSE comments: proxies cut silent streams at 30–60 s */
	DESK_WAITING_MAX          = 64,               /* tests of specs, a millisecond each as a rule */
	HTTP_WAIT_MS_MAX          = 60 * 1000,        /* Prefer: wait */
	HTTP_BATCH_JOBS_MAX       = 10000,
	BULK_JOBS_MAX             = 10000,            /* moved by one POST …/cancel?state=… */
	BULK_COUNT_MAX            = 100000,           /* counted by its dry run: a tenth of a second */
	HTTP_INCLUDE_BYTES_MAX    = 64 * 1024,        /* results embedded in a job */
	CSV_COLUMNS_MAX           = 1000,             /* names of members, flattened; more stand in one */
	LIST_ITEMS_DEFAULT        = 50,
	LIST_ITEMS_MAX            = 1000,
	LIST_SCAN_ROWS_MAX        = 50000,            /* a page may be short rather than slow */

	/* jobs */
	JOB_SPEC_BYTES_MAX        = 8 * 1024 * 1024,
	JOB_TAGS_MAX              = 16,
	JOB_ATTEMPTS_MAX          = 100,
	JOB_CRASHES_MAX           = 3,                /* without durable progress: poison */
	JOB_SUMMARY_BYTES_MAX     = 1024 * 1024,
	JOB_LOG_LINES_MAX         = 1000,             /* per attempt; the rest is counted */
	JOB_KEEP_DAYS_DEFAULT     = 7,                /* after completed and cancelled */
	JOB_KEEP_FAILED_DAYS_DEFAULT = 30,            /* after failed: somebody will want to look */
	SCHED_WINDOW_MAX          = 4096,             /* ready jobs in memory, per priority */

	/* runs */
	LANES_MAX                 = 64,               /* one bit each in a word */
	RUN_KEYS_MAX              = 4 * 1000 * 1000,  /* fingerprints in memory, 16 bytes each */
	RUN_PART_WINDOW_MAX       = 4096,             /* unclaimed parts in memory */
	RUN_ORDER_WINDOW_MAX      = 256,              /* parts running ahead of the oldest unfinished */
	RUN_UNSAVED_BYTES_MAX     = 8 * 1024 * 1024,  /* results and parts waiting for a commit, per run */
	RUN_RESULTS_BYTES_MAX     = 1024 * 1024 * 1024, /* one commit: what gathered and a part as it ends */
	RUN_PART_BYTES_MAX        = 64 * 1024 * 1024, /* items of one part, or of none, before they are shown */
	RUN_LEFT_BYTES_MAX        = 256 * 1024 * 1024, /* checkpoints of an earlier attempt, until open returns */
	RUN_PARKED_MAX            = 1024,             /* parts in memory before their time; others wait in the store */
	RUN_COMPLETIONS_MAX       = 4096,             /* fetches and timers finished, not yet taken, per lane */
	RUN_STREAM_BYTES_MAX      = 1024 * 1024,      /* of a body, not taken yet: then its sender is slowed down */
	RUN_COMMIT_MS             = 200,              /* a crash repeats at most this much of a crawl */
	RUN_DETAILS_BYTES_MAX     = 16 * 1024,        /* what a handler says of its progress besides counts */
	RUN_START_NOTE_MS         = 20,               /* shorter runs are told of at their end only */
	RUN_COUNTERS_MAX          = 4096,             /* of one job: some for each of its stages */
	PART_KEY_BYTES_MAX        = 4096,
	PART_INPUT_BYTES_MAX      = 256 * 1024,
	ITEM_BYTES_MAX            = 8 * 1024 * 1024,  /* one result item */

	/* events */
	EVENTS_KEPT_MAX           = 1000000,
	EVENT_RING_MAX            = 4096,             /* recent events in memory, shared by all subscribers */
	SUBSCRIBERS_MAX           = 12000,

	/* store */
	STORE_BATCH_OPS_MAX       = 512,              /* operations in one commit */
	STORE_DROP_ROWS_MAX       = 1024,             /* rows of deleted jobs in one commit: each may touch a page */
	STORE_SLICE_MS            = 250,              /* between such commits while others wait */
	STORE_QUEUE_OPS_MAX       = 65536,            /* waiting for the writer; then 503 */
	STORE_QUEUE_BYTES_MAX     = 128 * 1024 * 1024,
	STORE_LAZY_MS             = 100,              /* progress waits this long for company */
	STORE_INLINE_SPEC_BYTES   = 1024,             /* longer specs have a row of their own */
	STORE_INLINE_RESULT_BYTES = 64 * 1024,        /* longer results go to a file */
	STORE_CHECKPOINT_PAGES    = 4000,             /* 16 MiB of WAL: fewer drive p99, more slow readers */
	STORE_CHECKPOINT_TRUNCATE_BYTES = 64 * 1024 * 1024,
	STORE_READERS_MAX         = 4,
	STORE_WRITER_CACHE_KIB    = 4096,             /* the right edges of all indexes, and some */
	STORE_READER_CACHE_KIB    = 512,              /* the kernel caches the rest */
	STORE_BUSY_MS             = 2000,             /* SQLite's own short locks, a checkpoint's TRUNCATE */
	STORE_REOPEN_MS           = 500,              /* between attempts to write again after a failure */
	STORE_EVENT_BYTES_MAX     = 64 * 1024 * 1024, /* data of one commit's events, in memory */
	STORE_IDEMPOTENCY_MS      = 24 * 3600 * 1000, /* a client that retries later submits anew */
	STORE_DISK_FREE_BYTES_MIN = 64 * 1024 * 1024, /* below: 507 for new jobs */

	BODIES_DISK_FREE_BYTES_MIN = 256 * 1024 * 1024, /* the store comes first, and stops at a quarter */

	/* files */
	FILE_NAME_BYTES_MAX       = 1000,             /* percent-encoded it still fits a URI */
	FILE_SEGMENT_BYTES_MAX    = 255,              /* NAME_MAX of Linux */
	FILE_DEPTH_MAX            = 16,               /* folders in folders: finding files recurses */
	FILE_FOLDERS_MAX          = 32,               /* mapped by an operator: one flag each */
	FILES_FOUND_MAX           = 100000,           /* of one pattern: each is a part of a job, or more */
	FILES_FOLDER_BYTES_MAX    = 64 * 1024 * 1024, /* names of one folder, sorted in memory: a million */
	FILES_LOOKED_AT_MAX       = 4 * 1000 * 1000,  /* names of one search: seconds of a disk */
	FILES_UPLOADS_MAX         = 1024,             /* under way at once: a descriptor each */
	FILES_DESK_THREADS        = 4,                /* their ends: a disk syncs several at the price of one */
	FILES_RESUME_BYTES_MIN    = 1024 * 1024,      /* what is smaller is sent again when it breaks off */
	FILES_UPLOAD_KEPT_S       = 24 * 3600,        /* one that broke off: a night and a morning to go on */
	FILES_DISK_FREE_BYTES_MIN = 256 * 1024 * 1024, /* the store comes first, and stops at a quarter */
	FILES_DISK_FREE_NODES_MIN = 1000,             /* files that the disk can still take: the store's, too */
	FILES_FLUSH_BYTES         = 8 * 1024 * 1024,  /* on their way to the disk while more comes */

	/* the pool */
	POOL_WORKERS_MAX          = 512,
	POOL_STACK_BYTES          = 2 * 1024 * 1024,  /* recursion in handlers is bounded; sanitizers need room */
	TIMERS_MAX                = 131072,           /* of runs, attempts and deadlines; 64 bytes each */

	/* fetching */
	FETCH_TRANSFERS_MAX_DEFAULT = 292,            /* 256 pages, and what is kept for calls */
	FETCH_CALLS_SHARE         = 8,                /* one transfer in so many is kept from pages */
	FETCH_QUEUED_MAX          = 100000,           /* requests waiting for their host */
	FETCH_BODY_BYTES_MAX      = 10 * 1024 * 1024, /* a page */
	FETCH_HEADERS_BYTES_MAX   = 256 * 1024,
	FETCH_HEADERS_MAX         = 200,
	FETCH_RATIO_MAX           = 100,              /* decoded to wire, beyond 1 MiB */
	FETCH_HELD_BYTES_MAX      = 4 * 1024 * 1024,  /* what one read may decompress to behind a pause */
	FETCH_CONNECT_MS          = 10 * 1000,
	FETCH_TOTAL_MS            = 60 * 1000,
	FETCH_CALL_MS             = 30 * 1000,        /* an API or a webhook: somebody waits for it */
	FETCH_SPEED_BYTES_PER_S_MIN = 100,            /* of a body, over … */
	FETCH_SPEED_MS            = 30 * 1000,
	FETCH_PROGRESS_MS         = 250,              /* between two callbacks: what an eye can follow */
	FETCH_REDIRECTS_MAX       = 10,
	URL_BYTES_MAX             = 2083,             /* longest that is fetched; older clients and servers stop here */
	URL_TEXT_BYTES_MAX        = 1024 * 1024,      /* longest that is parsed: data: links are long, and skipped */
	URL_DEPTH_MAX             = 20,               /* path segments that a crawl follows */
	URL_REPEAT_MAX            = 2,                /* the same segment in a row: links that grow */
	ROBOTS_BYTES_MAX          = 512 * 1024,       /* RFC 9309, 2.5: at least 500 KiB */
	ROBOTS_SITEMAPS_MAX       = 1000,
	ROBOTS_TOKEN_BYTES_MAX    = 64,               /* a product token: a name, not a text */
	ROBOTS_TOKENS_MAX         = 4,                /* names under which jobs ask one origin, read at once */
	ROBOTS_VALIDATOR_BYTES_MAX = 256,             /* an ETag that is longer is not sent back */
	ROBOTS_ORIGINS_MAX        = 10000,            /* whose robots.txt is known; then the oldest goes */
	ROBOTS_CACHE_BYTES_MAX    = 64 * 1024 * 1024, /* all of them: 6 KiB each, most are smaller */
	ROBOTS_FRESH_MS_MAX       = 24 * 3600 * 1000, /* RFC 9309, 2.4 */
	ROBOTS_FRESH_MS_MIN       = 60 * 1000,        /* max-age=0 must not double the requests of a crawl */
	ROBOTS_SILENT_MS_MIN      = 30 * 1000,        /* unreachable: asked again after that, twice that, … */
	ROBOTS_SILENT_MS_MAX      = 3600 * 1000,
	SITEMAP_BYTES_MAX         = 50 * 1024 * 1024, /* sitemaps.org: a file, decompressed */
	SITEMAP_URLS_MAX          = 50000,            /* likewise, of entries in a file */
	SITEMAP_TOKEN_BYTES_MAX   = 128 * 1024,       /* of XML without an event; expat reads it again each time */
	SITEMAP_DEPTH_MAX         = 3,                /* indexes of indexes; one level is what the protocol has */
	SITEMAP_FILES_MAX         = 50000,            /* of one crawl: those of one index */
	GUARD_ALLOW_MAX           = 64,               /* --allow-net, each looked at for each address */
	GUARD_OWN_MAX             = 64,               /* our listening addresses, by interface */
	HOSTS_MAX                 = 100000,
	HOST_RATE_PER_S_MAX       = 1000000,          /* an operator's; beyond it nothing is limited */
	HOST_DELAY_MS_MAX         = 3600 * 1000,      /* an operator's; longer is better said by opening it */
	PAGE_LINKS_MAX            = 6000,
	PAGE_CPU_US_MAX           = 2 * 1000 * 1000,  /* all of one page; an ordinary one takes a millisecond */
	SAVE_BODY_GIB_PRESET      = 10,               /* bodies kept with one job: a disk can spare that … */
	SAVE_BODY_GIB_MAX         = 1024,             /* … and nobody asks for more by mistake */
	FIELD_OBJECTS_MAX         = 10000,            /* of one field with fields inside */
	LINKED_OBJECTS_MAX        = 1000,             /* JSON-LD of one page; shops list a hundred */

	/* cookies of one job */
	COOKIE_BYTES_MAX          = 4096,             /* name and value; RFC 6265bis, 5.6 */
	COOKIE_ATTRIBUTE_BYTES_MAX = 1024,            /* longer ones are ignored: the same section */
	COOKIE_AGE_S_MAX          = 400 * 24 * 3600,  /* RFC 6265bis, 5.5 */
	COOKIES_PER_DOMAIN_MAX    = 50,               /* as the RFC suggests … */
	COOKIES_MAX               = 3000,             /* … and this too */
	COOKIES_BYTES_MAX         = 1024 * 1024,      /* in memory and in a checkpoint, whatever their number */
	COOKIE_HEADER_BYTES_MAX   = 16 * 1024,        /* servers refuse more; those with the longest paths go first */

	/* the HTTP cache */
	CACHE_ENTRIES_MAX         = 100000,           /* 32 bytes each in memory */
	CACHE_FILE_BYTES_MAX      = 12 * 1024 * 1024, /* a page with its head */
	CACHE_BLOCK_BYTES         = 4096,             /* what the smallest file takes of a disk */
	CACHE_SHARE_MAX           = 8,                /* one entry takes at most an eighth of it all */
	CACHE_ORDERS_MAX          = 10000,            /* looks and writes waiting for the disk … */
	CACHE_ORDERS_BYTES_MAX    = 64 * 1024 * 1024, /* … and what they hold; more is not stored */
	CACHE_HELD_BYTES_MAX      = 64 * 1024 * 1024, /* stale ones whose origin is being asked */
	CACHE_DISK_FREE_BYTES_MIN = 256 * 1024 * 1024, /* the store comes first, and stops at a quarter */

	/* map-reduce */
	MAPREDUCE_MEMORY_PRESET   = 256 * 1024 * 1024, /* of all lanes: a tenth of a small machine */
	MAPREDUCE_MEMORY_MIN      = 1024 * 1024,      /* below, every block would be spilled */
	MAPREDUCE_MEMORY_GIB_MAX  = 1024,             /* nobody asks for more by mistake */
	MAPREDUCE_BLOB_BYTES_MAX  = 4 * 1024 * 1024,  /* a lane's checkpoint; larger states are sealed in files */
	MAPREDUCE_CHUNK_MIN       = 64 * 1024,        /* smaller ones cost more than they hold */
	MAPREDUCE_CHUNK_MAX       = 1024 * 1024 * 1024, /* larger ones leave lanes idle at the end */
	MAPREDUCE_LANES_MAX       = 62,               /* LANES_MAX, without the input's own */
	MAPREDUCE_KEYS_MAX        = 64,               /* of a group, or to sort by: more are a table */
	MAPREDUCE_OUT_BYTES       = 256 * 1024,       /* of items, handed over at once … */
	MAPREDUCE_OUT_SAVE_BYTES  = 2 * 1024 * 1024,  /* … and shown: a crash repeats that much of telling */
	MAPREDUCE_LISTED_MAX      = 1000,             /* bad records of one chunk; the rest is counted */
	MATRIX_SIDE_MAX           = 1 << 20,          /* a row is one record */
	MATRIX_NUMBERS_MAX        = 1 << 28,          /* of the right factor: 2 GiB */
	MAPREDUCE_STEP_US         = 5 * 1000,         /* a step: short enough for fairness, long enough to pay */
	MAPREDUCE_SAVE_MS         = 1500,             /* between checkpoints of a lane: with the commit, 2 s are repeated */
	RANGE_SLICE_NUMBERS       = 1 << 20,          /* a kernel's one call: 2^20 squares fit 128 bits */

	/* pipelines */
	PIPELINE_STAGES_MAX       = 100,              /* a longer list is a program */
	PIPELINE_LANES_MAX        = 62,               /* LANES_MAX, without the input's own */
	PIPELINE_WORKERS_MAX      = 1024,             /* requests of one stage under way: as of a crawl */
	PIPELINE_ANSWERS_BYTES_MAX = 8 * 1024 * 1024, /* that came early; with more no more is asked */
	PIPELINE_SAVE_BYTES       = 4 * 1024 * 1024,  /* results of a part that are held before they are shown */
	PIPELINE_BATCH_BYTES_MAX  = 4 * 1024 * 1024,  /* of one array: a record behind it is one result at most */
	PIPELINE_BLOB_BYTES_MAX   = 8 * 1024 * 1024,  /* what stages save with parts; larger states are in files */
	PIPELINE_WRITTEN_MAX      = 64,               /* members written between two new texts: one bit each in a word */
	PIPELINE_BUNDLE_BYTES_MAX = 256 * 1024 * 1024, /* texts computed of some hundred records on one lane */
	PIPELINE_TABLE_BYTES_MAX  = 64 * 1024 * 1024, /* of a join: all lanes look into it, so it stays in memory */
	PIPELINE_TABLE_ROWS_MAX   = 1000,             /* of one key: each record with it becomes so many */
	PIPELINE_MEMORY_BYTES     = 256 * 1024 * 1024, /* of reduce and sort, before they go to disk */

	/* trying specs */
	SAMPLE_BYTES_MAX          = 4 * 1024 * 1024,  /* of records, or a text: a person has pasted it */
	SAMPLE_RECORDS_MAX        = 10 * 1000,        /* a tenth of a second of work, as a rule */
	SAMPLE_FILE_BYTES         = 1024 * 1024,      /* of a file's beginning, decompressed */
	DRY_RUN_RECORDS           = 10,               /* that ?dry_run=true shows */
	DRY_RUN_RECORDS_MAX       = 1000,
	TRIAL_US_MAX              = 3 * 1000 * 1000,  /* a person waits for it; the desk does other tests too */
	TRIAL_ROWS_MAX            = 200 * 1000,       /* that stages hand on: one record can become many */
	TRIAL_SHOWN_MAX           = 100,              /* records after each stage */
	TRIAL_SHOWN_BYTES         = 256 * 1024,       /* of them */
	TRIAL_ERRORS_MAX          = 100,              /* listed; the rest is counted */
	TRIAL_LOGS_MAX            = 100,              /* lines of all scripts; likewise */
	TRIAL_RESULTS_BYTES       = 8 * 1024 * 1024,  /* of what comes out; the rest is counted */
	TRIAL_MEMORY_BYTES        = 64 * 1024 * 1024, /* of reduce and sort: there is no disk */

	/* HTML */
	HTML_BYTES_MAX            = 10 * 1024 * 1024,
	HTML_DEPTH_MAX            = 512,              /* deeper elements become siblings, as browsers do */
	HTML_ARENA_BYTES_MAX      = 256 * 1024 * 1024,
	SELECTOR_BYTES_MAX        = 4096,
	SELECTOR_DEPTH_MAX        = 16,               /* :not(:is(:has(…))): the matcher recurses that deep */
	HTML_WORK_PER_BYTE        = 8,                /* an ordinary page takes less than one step a byte */
	HTML_WORK_BASE            = 10 * 1000 * 1000, /* a step is 1–13 ns */
	HTML_CPU_US_MAX           = 1000 * 1000,      /* a hostile page; an ordinary one of 10 MiB takes 0.2 s */
	HTML_FORMAT_MAX           = 128,              /* active formatting elements; older ones are forgotten */
	XPATH_ARENA_BYTES_MAX     = 64 * 1024 * 1024, /* the second tree: ten times the bytes of a page */
	XPATH_WORK_MAX            = 10 * 1000 * 1000, /* operations a page, 50 ns each */
	CSS_WORK_MAX              = 200 * 1000 * 1000, /* comparisons a page: under a second */
};
/* clang-format on */

#endif
