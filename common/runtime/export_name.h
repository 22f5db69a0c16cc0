/* export_name.h - what the files of an export are called in the store, and which there are. */
/*
 * An export is kept files (ports/store.h) that are numbered in one line: a full one has all rows,
 * one of changes what transactions have changed since. Full file F goes with all changes whose
 * number is F or above: those were written down while it was made, or later.
 */
#ifndef FY_RUNTIME_EXPORT_NAME_H
#define FY_RUNTIME_EXPORT_NAME_H

#include "common/ports/catalogue_row.h"
#include "common/ports/store.h"

struct fy_export_name {
    bool full;
    int64_t number;                     /* from 1 */
    int64_t at_ms;                      /* of a full one: when it was begun */
    char catalogue[FY_GUID_DIGITS + 1]; /* whose rows (fy_catalogue_identity) */
};

/* "full-000000000007-1700000000000-<catalogue>.ndjson.zst",
 * "changes-000000000008-<catalogue>.ndjson.zst": of two processes that give one number, one is
 * refused. */
void fy_export_name_print(const struct fy_export_name *name,
                          char text[static FY_KEPT_NAME_BYTES_MAX + 1]);
/* false: the kept file is no part of an export. */
FY_MUST_CHECK bool fy_export_name_parse(const char *text, struct fy_export_name *name);

/* All of them, by number, a full one before the changes of the same number. */
struct fy_export_list {
    struct fy_export_name *names;
    size_t count, capacity;
};
/* list is the caller's, zero; he ends it with done, also after a failure. Errors: the store's. */
FY_MUST_CHECK enum fy_code fy_export_list_read(struct fy_store *store, struct fy_export_list *list,
                                               struct fy_err *err);
void fy_export_list_done(struct fy_export_list *list);
/* The newest full one of that catalogue, or NULL. */
const struct fy_export_name *fy_export_list_full(const struct fy_export_list *list,
                                                 const char *catalogue);
/* Whose rows there are besides, or NULL: a store belongs to one catalogue. */
const struct fy_export_name *fy_export_list_stranger(const struct fy_export_list *list,
                                                     const char *catalogue);
/* Whether there is a file that the catalogue does not know of: it has been put back to an earlier
 * state. */
bool fy_export_list_is_ahead(const struct fy_export_list *list, const struct fy_identity_row *own);

#endif
