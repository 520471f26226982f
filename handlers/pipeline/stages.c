/* SPDX-License-Identifier: MIT */
/* stages.c - all verbs: one declaration, one line in the table, one or more members. */
#include "handlers/pipeline/stage.h"

#include "base/limits.h"
#include "handlers/input/input.h"
#include "handlers/request_named.h"

extern const struct stage_kind batch_stage, branch_stage, distinct_stage, drop_stage, fetch_stage,
	filter_stage, flat_map_stage, join_stage, limit_stage, map_stage, merge_stage,
	rate_limit_stage, reduce_stage, rename_stage, sample_stage, select_stage, set_stage,
	sink_stage, skip_stage, sort_stage, tee_stage, top_stage, unbatch_stage, validate_stage;

/* clang-format off */
const struct stage_kind *const stage_kinds[] = {
	&batch_stage, &branch_stage, &distinct_stage, &drop_stage, &fetch_stage, &filter_stage, &flat_map_stage, &join_stage, &limit_stage,
	&map_stage, &merge_stage, &rate_limit_stage, &reduce_stage, &rename_stage, &sample_stage, &select_stage,
	&set_stage, &sink_stage, &skip_stage, &sort_stage, &tee_stage, &top_stage, &unbatch_stage,
	&validate_stage, NULL,
};
/* clang-format on */

static const char *const on_error_names[] = {"fail", "skip", "dead_letter", NULL};
static const char *const join_names[] = {"inner", "left", "anti", NULL};
static const char *const match_names[] = {"first", "all", NULL};

/* clang-format off */
static const struct param name_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, .summary = "The name of a stage"},
	{0},
};

static const struct param path_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX,
	 .summary = "A member: its name, a.b inside an object, or a JSON pointer"},
	{0},
};

static const struct param text_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .summary = "An expression"},
	{0},
};

static const struct param value_element[] = {
	{.kind = PARAM_ANY, .summary = "A string is an expression, all else is itself"},
	{0},
};

static const struct param line_element[] = {
	{.kind = PARAM_TEXT, .summary = "A line of Lua"},
	{0},
};

static const struct param names_form = {
	.kind = PARAM_ARRAY, .members = name_element, .min = 1, .max = PIPELINE_STAGES_MAX,
	.summary = "The names of several stages",
};

static const struct param paths_form = {
	.kind = PARAM_ARRAY, .members = path_element, .min = 1, .max = PIPELINE_WRITTEN_MAX,
	.summary = "Several members",
};

static const struct param lines_form = {
	.kind = PARAM_ARRAY, .members = line_element, .min = 1, .summary = "The lines of a script",
};

static const struct param projection_form = {
	.kind = PARAM_MAP, .members = text_element, .min = 1, .max = CSV_COLUMNS_MAX,
	.summary = "Names and the expressions that they stand for",
};

static const struct param lua_params[] = {
	{.name = "lua", .kind = PARAM_TEXT, .otherwise = &lines_form, .required = true,
	 .summary = "A script over the record r that returns true or not"},
	{0},
};

static const struct param lua_form = {
	.kind = PARAM_OBJECT, .members = lua_params, .summary = "The same in Lua",
};

static const struct param replace_params[] = {
	{.name = "replace", .kind = PARAM_TEXT, .otherwise = &lines_form, .required = true,
	 .summary = "A script over the record r and the mistake err: the record in its place"},
	{0},
};

static const struct param replace_form = {
	.kind = PARAM_OBJECT, .members = replace_params, .summary = "Another record in its place",
};

static const struct param arm_params[] = {
	{.name = "when", .kind = PARAM_TEXT, .min = 1, .max = EXPR_BYTES_MAX,
	 .summary = "An expression; without it all records match"},
	{.name = "to", .kind = PARAM_TEXT, .required = true, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "The name of the stage that takes them"},
	{0},
};

static const struct param arm_element[] = {
	{.kind = PARAM_OBJECT, .members = arm_params, .summary = "An arm of the branch"},
	{0},
};

static const struct param sample_params[] = {
	{.name = "rate", .kind = PARAM_NUMBER, .required = true, .min = 0, .max = 1,
	 .summary = "The share that goes on"},
	{.name = "seed", .kind = PARAM_INT, .preset = "0", .summary = "Another one, another sample"},
	{0},
};

static const struct param group_element[] = {
	{.kind = PARAM_ANY, .summary = "A member, or {\"name\": \"expression\"}"},
	{0},
};

static const struct param reduce_params[] = {
	{.name = "group_by", .kind = PARAM_ARRAY, .members = group_element, .max = CSV_COLUMNS_MAX,
	 .summary = "What records of one group have in common; without it all are one group"},
	{.name = "aggregates", .kind = PARAM_MAP, .members = text_element, .max = CSV_COLUMNS_MAX,
	 .summary = "What is said of each group: count, sum(value), p95(ms), …"},
	{.name = "sort", .kind = PARAM_ARRAY, .members = path_element, .max = CSV_COLUMNS_MAX,
	 .summary = "Order of the groups: members, \"-name\" the other way round; else by key"},
	{.name = "limit", .kind = PARAM_INT, .min = 1, .max = 1e15, .summary = "Only the first groups"},
	{0},
};

static const struct param sort_params[] = {
	{.name = "by", .kind = PARAM_TEXT, .required = true, .min = 1, .max = EXPR_BYTES_MAX,
	 .summary = "An expression"},
	{.name = "desc", .kind = PARAM_BOOL, .preset = "false", .summary = "The largest first"},
	{0},
};

static const struct param sort_object = {
	.kind = PARAM_OBJECT, .members = sort_params, .summary = "By an expression",
};

static const struct param sort_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .otherwise = &sort_object,
	 .summary = "A member"},
	{0},
};

static const struct param sort_list = {
	.kind = PARAM_ARRAY, .members = sort_element, .min = 1, .max = CSV_COLUMNS_MAX,
	.summary = "Several: the second decides where the first does not",
};

static const struct param sort_form = {
	.kind = PARAM_OBJECT, .members = sort_params, .otherwise = &sort_list,
	.summary = "By an expression",
};

static const struct param top_params[] = {
	{.name = "n", .kind = PARAM_INT, .required = true, .min = 1, .max = 1000 * 1000,
	 .summary = "How many"},
	{.name = "by", .kind = PARAM_TEXT, .required = true, .min = 1, .max = EXPR_BYTES_MAX,
	 .summary = "An expression"},
	{.name = "smallest", .kind = PARAM_BOOL, .preset = "false", .summary = "The smallest, smallest first"},
	{0},
};

static const struct param batch_params[] = {
	{.name = "size", .kind = PARAM_INT, .min = 1, .max = 1000 * 1000, .summary = "Records, at most"},
	{.name = "bytes", .kind = PARAM_SIZE, .min = 1, .max = PIPELINE_BATCH_BYTES_MAX, .preset = "\"4MB\"",
	 .summary = "A batch that has so many is full"},
	{.name = "max_wait", .kind = PARAM_LATER, .summary = "A batch is given after so long"},
	{0},
};

static const struct param pair_params[] = {
	{.name = "left", .kind = PARAM_TEXT, .required = true, .min = 1, .max = PATTERN_BYTES_MAX,
	 .summary = "The member of the record"},
	{.name = "right", .kind = PARAM_TEXT, .required = true, .min = 1, .max = PATTERN_BYTES_MAX,
	 .summary = "That of the table"},
	{0},
};

static const struct param pair_object = {
	.kind = PARAM_OBJECT, .members = pair_params, .summary = "With another name in the table",
};

static const struct param pair_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .otherwise = &pair_object,
	 .summary = "A member of both"},
	{0},
};

static const struct param pair_list = {
	.kind = PARAM_ARRAY, .members = pair_element, .min = 1, .max = CSV_COLUMNS_MAX,
	.summary = "Several: all have to be the same",
};

static const struct param pair_form = {
	.kind = PARAM_OBJECT, .members = pair_params, .otherwise = &pair_list,
	.summary = "With another name in the table",
};

static const struct param join_params[] = {
	{.name = "with", .kind = PARAM_OBJECT, .members = input_params, .required = true,
	 .summary = "The table: items or a file, as an input says it"},
	{.name = "on", .kind = PARAM_TEXT, .required = true, .min = 1, .max = PATTERN_BYTES_MAX,
	 .otherwise = &pair_form, .summary = "The member that is the same in both"},
	{.name = "kind", .kind = PARAM_CHOICE, .choices = join_names, .preset = "\"inner\"",
	 .summary = "Records with a row; left: those without one too; anti: those alone"},
	{.name = "into", .kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX,
	 .summary = "The member that the row becomes; without it its members are added"},
	{.name = "prefix", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "Before the names of members that are added"},
	{0},
};

static const struct param member_form = {
	.kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .summary = "The member",
};

static const struct param rate_params[] = {
	{.name = "records", .kind = PARAM_INT, .required = true, .min = 1, .max = 1e9,
	 .summary = "So many …"},
	{.name = "per", .kind = PARAM_DURATION, .min = 1, .max = 86400e3, .preset = "\"1s\"",
	 .summary = "… in that time"},
	{.name = "burst", .kind = PARAM_INT, .min = 1, .max = 1e6, .preset = "1",
	 .summary = "So many at once, where there were fewer before"},
	{0},
};

static const struct param rate_form = {
	.kind = PARAM_OBJECT, .members = rate_params, .summary = "In another time, or in bursts",
};

static const struct param fetch_params[] = {
	{.name = "url", .kind = PARAM_TEXT, .required = true, .min = 1, .max = URL_BYTES_MAX,
	 .summary = "With {member} where one of the record stands, percent-encoded"},
	{.name = "into", .kind = PARAM_TEXT, .required = true, .min = 1, .max = PATTERN_BYTES_MAX,
	 .summary = "The member that the answer becomes: JSON as it is, all else a text; $: the record itself"},
	{.name = "method", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "By default GET, with a body POST"},
	{.name = "headers", .kind = PARAM_MAP, .members = header_element, .max = HTTP_HEADERS_MAX,
	 .summary = "Request header fields, with members too"},
	{.name = "body", .kind = PARAM_ANY,
	 .summary = "JSON with members in its strings, or a text; \"{$}\" is the record"},
	{.name = "per_host", .kind = PARAM_INT, .min = 1, .max = 1024,
	 .summary = "Requests under way at one host; by default workers; at most 8 at public hosts"},
	{.name = "delay", .kind = PARAM_DURATION, .max = 3600e3,
	 .summary = "Between two starts at one host"},
	{.name = "max_body", .kind = PARAM_SIZE, .min = 1, .max = FETCH_BODY_BYTES_MAX,
	 .preset = "\"10MB\"", .summary = "Larger answers fail, decompressed size counts"},
	{.name = "breaker", .kind = PARAM_OBJECT, .members = breaker_params,
	 .summary = "When a host is left alone"},
	{.name = "cache", .kind = PARAM_BOOL, .preset = "false", .otherwise = &cache_form,
	 .summary = "Take answers that are stored while they are fresh, and store these"},
	{0},
};

static const struct param sink_params[] = {
	{.name = "url", .kind = PARAM_TEXT, .required = true, .min = 1, .max = URL_BYTES_MAX,
	 .summary = "What takes them"},
	{.name = "file", .kind = PARAM_LATER, .summary = "A named file that takes them"},
	{.name = "size", .kind = PARAM_INT, .min = 1, .max = 1000 * 1000, .preset = "1000",
	 .summary = "Records of a batch, at most"},
	{.name = "bytes", .kind = PARAM_SIZE, .min = 1, .max = RECORD_BYTES_MAX, .preset = "\"1MB\"",
	 .summary = "A batch that has so many is full"},
	{.name = "method", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, .preset = "\"POST\"",
	 .summary = "POST, PUT, …"},
	{.name = "headers", .kind = PARAM_MAP, .members = header_element, .max = HTTP_HEADERS_MAX,
	 .summary = "Request header fields"},
	{.name = "per_host", .kind = PARAM_INT, .min = 1, .max = 1024,
	 .summary = "Requests under way at one host; by default workers; at most 8 at public hosts"},
	{.name = "delay", .kind = PARAM_DURATION, .max = 3600e3,
	 .summary = "Between two starts at one host"},
	{.name = "breaker", .kind = PARAM_OBJECT, .members = breaker_params,
	 .summary = "When a host is left alone"},
	{0},
};

static const struct param text_form = {
	.kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .otherwise = &paths_form,
	.summary = "The member by which records are the same",
};

const struct param stage_params[] = {
	/* of every stage */
	{.name = "name", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "By which other stages and the summary call it"},
	{.name = "from", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, .otherwise = &names_form,
	 .summary = "The stage whose records it takes, or \"input\"; by default the one before it"},
	{.name = "on_error", .kind = PARAM_CHOICE, .choices = on_error_names, .preset = "\"fail\"",
	 .otherwise = &replace_form,
	 .summary = "A record that fails fails the job, or is counted, or counted and listed"},
	{.name = "workers", .kind = PARAM_INT, .min = 1, .max = PIPELINE_WORKERS_MAX,
	 .summary = "Of fetch and sink: requests under way at once"},
	{.name = "buffer", .kind = PARAM_LATER, .summary = "Records that may wait for it"},
	{.name = "timeout", .kind = PARAM_DURATION, .min = 1, .max = 3600e3,
	 .summary = "Of fetch and sink: for one attempt of one request"},
	{.name = "retry", .kind = PARAM_OBJECT, .members = retry_params,
	 .summary = "Of fetch and sink: how failed requests are repeated; with it a POST too"},

	/* verbs */
	{.name = "validate", .kind = PARAM_ANY,
	 .summary = "A JSON Schema (2020-12) that records have to meet"},
	{.name = "set", .kind = PARAM_MAP, .members = value_element, .min = 1, .max = PIPELINE_WRITTEN_MAX,
	 .summary = "Members and the expressions that they become, one after the other"},
	{.name = "filter", .kind = PARAM_TEXT, .min = 1, .max = EXPR_BYTES_MAX, .otherwise = &lua_form,
	 .summary = "An expression; records for which it is true go on"},
	{.name = "map", .kind = PARAM_TEXT, .min = 1, .otherwise = &lines_form,
	 .summary = "A script over the record r: what it returns, or the changed r"},
	{.name = "flat_map", .kind = PARAM_TEXT, .min = 1, .otherwise = &lines_form,
	 .summary = "The same with emit(record), any number of times"},
	{.name = "drop", .kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .otherwise = &paths_form,
	 .summary = "Members that go"},
	{.name = "rename", .kind = PARAM_MAP, .members = name_element, .min = 1, .max = PIPELINE_WRITTEN_MAX / 2.0,
	 .summary = "Members and their new names; they keep their places"},
	{.name = "select", .kind = PARAM_ARRAY, .members = path_element, .min = 1, .max = CSV_COLUMNS_MAX,
	 .otherwise = &projection_form, .summary = "The members that stay, in this order"},
	{.name = "limit", .kind = PARAM_INT, .min = 0, .max = 1e15, .summary = "The first records only"},
	{.name = "skip", .kind = PARAM_INT, .min = 0, .max = 1e15, .summary = "All but the first records"},
	{.name = "sample", .kind = PARAM_OBJECT, .members = sample_params,
	 .summary = "Some records, by chance"},
	{.name = "distinct", .kind = PARAM_BOOL, .otherwise = &text_form,
	 .summary = "The first of those that are the same: as a whole, or in these members"},
	{.name = "branch", .kind = PARAM_ARRAY, .members = arm_element, .min = 1, .max = PIPELINE_STAGES_MAX,
	 .summary = "Each record goes where it matches; one that matches nowhere is filtered"},
	{.name = "match", .kind = PARAM_CHOICE, .choices = match_names, .preset = "\"first\"",
	 .summary = "Of branch: the first arm that matches, or all of them"},
	{.name = "tee", .kind = PARAM_ARRAY, .members = name_element, .min = 1, .max = PIPELINE_STAGES_MAX,
	 .summary = "These stages get a copy of each record"},
	{.name = "merge", .kind = PARAM_ARRAY, .members = name_element, .min = 1, .max = PIPELINE_STAGES_MAX,
	 .summary = "Takes the records of these stages, in the order of the input"},
	{.name = "reduce", .kind = PARAM_OBJECT, .members = reduce_params,
	 .summary = "Groups, and what is to be said of each"},
	{.name = "sort", .kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .otherwise = &sort_form,
	 .summary = "Records in the order of members; \"-name\" the other way round"},
	{.name = "top", .kind = PARAM_OBJECT, .members = top_params,
	 .summary = "So many records, the largest first"},
	{.name = "batch", .kind = PARAM_OBJECT, .members = batch_params,
	 .summary = "So many records become one array"},
	{.name = "unbatch", .kind = PARAM_BOOL, .otherwise = &member_form,
	 .summary = "The elements of an array become records: of the record, or of a member"},
	{.name = "join", .kind = PARAM_OBJECT, .members = join_params,
	 .summary = "Rows of a table, by a key"},
	{.name = "window", .kind = PARAM_LATER, .summary = "Aggregates over windows"},
	{.name = "rate_limit", .kind = PARAM_NUMBER, .min = 0.001, .max = 1e6, .otherwise = &rate_form,
	 .summary = "At most so many records a second"},
	{.name = "fetch", .kind = PARAM_OBJECT, .members = fetch_params,
	 .summary = "Asks a URL for each record"},
	{.name = "sink", .kind = PARAM_OBJECT, .members = sink_params,
	 .summary = "Posts records to a URL, as lines of JSON, and ends them"},
	{0},
};
/* clang-format on */
