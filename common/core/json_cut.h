/* json_cut.h - cuts a JSON array into its elements without building a tree, and looks at the depth
 * of a JSON text before anybody builds one (DESIGN 7). */
#ifndef FY_CORE_JSON_CUT_H
#define FY_CORE_JSON_CUT_H

#include "common/core/err.h"

/* Walks over one array. Memory of the caller, nothing to free; the text stays borrowed meanwhile.
 */
struct fy_json_cut {
    const char *text;
    size_t size_bytes;
    size_t offset; /* next byte to look at; after an error, where it is */
    size_t count;  /* elements given so far */
    bool ended;    /* END or ERROR was given: it stays so */
    bool failed;
};

enum fy_json_cut_step {
    FY_JSON_CUT_ELEMENT,
    FY_JSON_CUT_END,   /* the array is closed and only white space follows */
    FY_JSON_CUT_ERROR, /* err is FY_EINPUT with the byte offset; also in cut->offset */
};

/* text: size_bytes bytes of JSON (RFC 8259) that should be one array; no zero byte needed after. */
void fy_json_cut_init(struct fy_json_cut *cut, const char *text, size_t size_bytes);
/*
 * The next element: its bytes without white space around, inside the text.
 * What is checked: the array's own brackets and commas, and that in each element strings end, hold
 * no control characters, and brackets pair up to FY_JSON_DEPTH_MAX deep. What the element says
 * inside is its parser's to check. Thread: any; constant memory.
 */
FY_MUST_CHECK enum fy_json_cut_step fy_json_cut_next(struct fy_json_cut *cut, const char **element,
                                                     size_t *element_bytes, struct fy_err *err);

/* FY_OK when no bracket of the text is deeper than FY_JSON_DEPTH_MAX; it need not be good JSON
 * otherwise. FY_EINPUT with the byte offset of the first one that is. Thread: any. */
FY_MUST_CHECK enum fy_code fy_json_depth_check(const char *text, size_t size_bytes,
                                               struct fy_err *err);

#endif
