/* json_fields.h - a flat JSON object into the fields of a struct, by a table. For request bodies of
 * our own. */
#ifndef FY_ADAPTERS_JSON_FIELDS_H
#define FY_ADAPTERS_JSON_FIELDS_H

#include "common/core/err.h"

enum fy_json_kind {
    FY_JSON_TEXT, /* char[size_bytes]; absent and null leave it */
    FY_JSON_WORD, /* the same, but not empty: for a choice, where empty would mean all */
    FY_JSON_I64,  /* int64_t */
    FY_JSON_ID,   /* int64_t from 1 */
    FY_JSON_BOOL, /* bool */
};
struct fy_json_field {
    const char *name;
    enum fy_json_kind kind;
    bool required; /* absent, null and a blank text are errors */
    size_t offset, size_bytes;
};
#define FY_JSON_FIELD(type, name, kind, required, member)                                          \
    {                                                                                              \
        name, kind, required, offsetof(type, member), sizeof(((type *)0)->member)                  \
    }

/* Unknown keys are ignored. On failure out is partly filled. Errors: FY_EINPUT not JSON, not an
 * object, a wrong type, an over-long text, a required field missing. Thread: any. */
FY_MUST_CHECK enum fy_code fy_json_fields_read(const char *bytes, size_t size_bytes,
                                               const struct fy_json_field *fields, size_t count,
                                               void *out, struct fy_err *err);
/* The same, but an unknown key is FY_EINPUT too: for bodies where a misspelt one would be taken for
 * one that was left out. */
FY_MUST_CHECK enum fy_code fy_json_fields_read_only(const char *bytes, size_t size_bytes,
                                                    const struct fy_json_field *fields,
                                                    size_t count, void *out, struct fy_err *err);

#endif
