/* SPDX-License-Identifier: MIT */
/* planner.c - what stages compile, and which fields it needs.
 *
 * An expression or a script is compiled twice: alone, which tells the paths that it reads, and
 * into the fields of its stretch, where other stages have them too.
 */
#include "handlers/pipeline/planner.h"

#include "handlers/aggregate/aggregates.h"
#include "handlers/schema/schema.h"

#include <string.h>

/* The step needs *renew: after that nothing is written any more. */
static void renew_told(struct stage_planner *planner, bool renew, bool *ret_renew)
{
	*ret_renew = renew;
	if (renew)
		planner->dirty = 0;
}

static void err_told(struct stage_planner *planner, const char *pointer, const struct err *err)
{
	mistake_add(planner->mistakes, pointer,
		    err->code == ERR_INVALID_SPEC ? "bad-path" : err_name(err->code), "%s",
		    err->detail);
}

/* Line and column of an offset; the column counts code points. */
static void place_told(struct mistakes *mistakes, struct mistake *mistake, const char *source,
		       size_t offset)
{
	const char *line = source;

	mistake->line = mistake->column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (source[i] == '\n') {
			line = source + i + 1;
			mistake->line++;
			mistake->column = 1;
		} else if ((source[i] & 0xC0) != 0x80) {
			mistake->column++;
		}
	}
	mistake->source = arena_copy(&mistakes->arena, line, strcspn(line, "\n"));
}

static bool expr_told(struct stage_planner *planner, const char *source, const char *pointer,
		      const struct expr_mistake *wrong, const struct err *err)
{
	struct mistake *mistake;

	if (err->code == ERR_NO_MEMORY) {
		err_told(planner, pointer, err);
		return false;
	}
	mistake = mistake_add(planner->mistakes, pointer, "expression", "%s", wrong->detail);
	place_told(planner->mistakes, mistake, source, wrong->offset);
	if (wrong->hint[0])
		mistake_hint(planner->mistakes, mistake, "%s", wrong->hint);
	return false;
}

bool plan_expr(struct stage_planner *planner, struct stage *stage, const char *source,
	       const char *pointer, struct expr **ret_expr, bool *ret_renew)
{
	struct expr_mistake wrong = {0};
	struct fields alone;
	struct expr *expr;
	struct err err;
	int rc;

	fields_init(&alone);
	rc = expr_compile(source, &alone, &expr, &wrong, &err);
	if (rc == 0) {
		expr_free(expr);
		renew_told(planner, stretch_reads(stage->takes, &alone, planner->dirty), ret_renew);
		rc = expr_compile(source, &stage->takes->fields, ret_expr, &wrong, &err);
	}
	fields_done(&alone);
	return rc ? expr_told(planner, source, pointer, &wrong, &err) : true;
}

bool plan_script(struct stage_planner *planner, struct stage *stage, const struct json *source,
		 const char *pointer, enum script_kind kind, struct script **ret_script,
		 bool *ret_renew)
{
	struct script_spec spec = {.source = source, .pointer = pointer, .kind = kind};
	struct fields alone;
	int rc;

	fields_init(&alone);
	spec.fields = &alone;
	rc = script_compile(&spec, planner->mistakes, ret_script);
	if (rc == 0) {
		script_free(*ret_script);
		*ret_script = NULL;
		renew_told(planner, stretch_reads(stage->takes, &alone, planner->dirty), ret_renew);
		spec.fields = &stage->takes->fields;
		rc = script_compile(&spec, planner->mistakes, ret_script);
	}
	fields_done(&alone);
	return rc == 0;
}

bool plan_aggregates(struct stage_planner *planner, struct stage *stage,
		     const struct aggregates_spec *spec, struct aggregates **ret_aggregates,
		     bool *ret_renew)
{
	struct fields alone;
	int rc;

	fields_init(&alone);
	rc = aggregates_plan(spec, &alone, planner->mistakes, ret_aggregates);
	if (rc == 0) {
		aggregates_free(*ret_aggregates);
		*ret_aggregates = NULL;
		renew_told(planner, stretch_reads(stage->takes, &alone, planner->dirty), ret_renew);
		rc = aggregates_plan(spec, &stage->takes->fields, planner->mistakes,
				     ret_aggregates);
	}
	fields_done(&alone);
	return rc == 0;
}

/* One that looks at members only sees them as they are now. */
bool plan_schema(struct stage_planner *planner, struct stage *stage, struct schema *schema,
		 const char *pointer, bool *ret_renew)
{
	struct fields alone;
	struct err err;
	int rc;

	fields_init(&alone);
	rc = schema_fields(schema, &alone, &err);
	if (rc == 0) {
		if (schema_is_flat(schema))
			alone.root.index = -1;
		renew_told(planner, stretch_reads(stage->takes, &alone, planner->dirty), ret_renew);
		rc = schema_fields(schema, &stage->takes->fields, &err);
	}
	fields_done(&alone);
	if (rc)
		err_told(planner, pointer, &err);
	return rc == 0;
}

bool plan_reads(struct stage_planner *planner, struct stage *stage, const char *path,
		const char *pointer, unsigned *ret_field, bool *ret_renew)
{
	struct fields alone;
	struct err err;
	int rc;

	fields_init(&alone);
	rc = fields_add_path(&alone, path, ret_field, &err);
	if (rc == 0) {
		renew_told(planner, stretch_reads(stage->takes, &alone, planner->dirty), ret_renew);
		rc = fields_add_path(&stage->takes->fields, path, ret_field, &err);
	}
	fields_done(&alone);
	if (rc)
		err_told(planner, pointer, &err);
	return rc == 0;
}

bool plan_path(struct stage_planner *planner, struct stage *stage, const char *text,
	       const char *pointer, struct path *ret)
{
	struct err err;

	if (stretch_path(stage->takes, text, ret, &err)) {
		err_told(planner, pointer, &err);
		return false;
	}
	if (ret->count == 0)
		mistake_add(planner->mistakes, pointer, "bad-path",
			    "the empty path is the record itself, not a member");
	return ret->count > 0;
}

/* Members that are too many are told once for all of a stretch. */
static void unwritten_told(struct stage_planner *planner, const struct stage *stage,
			   const char *pointer, const struct err *err)
{
	if (err->code != ERR_LIMIT || planner->full != stage->takes)
		err_told(planner, pointer, err);
	if (err->code == ERR_LIMIT)
		planner->full = stage->takes;
}

bool plan_writes(struct stage_planner *planner, struct stage *stage, const char *path,
		 const char *pointer, unsigned *ret_written, bool *ret_renew)
{
	struct path names;
	struct err err;
	bool renew;

	if (!plan_path(planner, stage, path, pointer, &names))
		return false;
	if (stretch_writes(stage->takes, &names, planner->dirty, ret_written, &renew, &err)) {
		unwritten_told(planner, stage, pointer, &err);
		return false;
	}
	renew_told(planner, renew, ret_renew);
	planner->dirty |= UINT64_C(1) << *ret_written;
	return true;
}

bool plan_drops(struct stage_planner *planner, struct stage *stage, const char *path,
		const char *pointer, unsigned *ret_written, bool *ret_renew)
{
	struct path names;
	struct err err;
	bool renew;

	if (!plan_path(planner, stage, path, pointer, &names))
		return false;
	if (stretch_drops(stage->takes, &names, planner->dirty, ret_written, &renew, &err)) {
		err_told(planner, pointer, &err);
		return false;
	}
	renew_told(planner, renew, ret_renew);
	planner->dirty |= UINT64_C(1) << *ret_written;
	return true;
}

/* `path` with its last name another. */
static bool path_beside(struct stage *stage, const struct path *path, const char *name,
			struct path *ret)
{
	struct field_name *names = arena_array(&stage->takes->arena, path->count, sizeof(*names));
	struct field_name last = {arena_text(&stage->takes->arena, name), strlen(name)};

	if (!names || !last.text)
		return false;
	memcpy(names, path->names, path->count * sizeof(*names));
	names[path->count - 1] = last;
	*ret = (struct path){names, path->count};
	return true;
}

bool plan_renames(struct stage_planner *planner, struct stage *stage, const char *path,
		  const char *name, const char *pointer, unsigned *ret_written, bool *ret_renew)
{
	struct path from, to;
	struct err err;
	bool renew;

	if (!plan_path(planner, stage, path, pointer, &from))
		return false;
	if (!path_beside(stage, &from, name, &to)) {
		err_set(&err, ERR_NO_MEMORY, "no memory for a path");
		err_told(planner, pointer, &err);
		return false;
	}
	if (stretch_renames(stage->takes, &from, &to, planner->dirty, ret_written, &renew, &err)) {
		unwritten_told(planner, stage, pointer, &err);
		return false;
	}
	renew_told(planner, renew, ret_renew);
	planner->dirty |= UINT64_C(3) << *ret_written;
	return true;
}

bool plan_member(struct stage_planner *planner, struct stage *stage, const char *name,
		 struct path *ret)
{
	struct field_name *names = plan_alloc(planner, stage, 1, sizeof(*names));
	char *text = plan_alloc(planner, stage, strlen(name) + 1, 1);

	if (!names || !text)
		return false;
	memcpy(text, name, strlen(name) + 1);
	*names = (struct field_name){text, strlen(name)};
	*ret = (struct path){names, 1};
	return true;
}

void plan_reads_all(struct stage_planner *planner, bool *ret_renew)
{
	renew_told(planner, true, ret_renew); /* of another format they have no text either */
}

void plan_made_anew(struct stage_planner *planner)
{
	planner->dirty = 0;
}

void *plan_alloc(struct stage_planner *planner, const struct stage *stage, size_t count,
		 size_t size)
{
	void *memory = arena_array(planner->arena, count, size);

	if (!memory)
		mistake_add(planner->mistakes, stage->pointer, err_name(ERR_NO_MEMORY),
			    "no memory for the stage");
	return memory;
}
