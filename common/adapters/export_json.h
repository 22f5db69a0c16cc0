/* export_json.h - lines of an export of the catalogue: NDJSON, one row a line. */
/*
 * Every line is one flat object; "is" says what it is. Times are ms since 1970, stamps and digests
 * their texts, statuses their numbers; what is zero, false or empty is left out.
 *
 *   {"is":"head","format":1,"number":7,"full":true,"catalogue":"<id>","id":"paris","at":...}
 *   {"is":"bucket","account":"c","bucket":"b","status":200,"stamp":"...","created":...}
 *   {"is":"object","account":"c","bucket":"b","object":"o","status":200,"stamp":"...",
 *    "created":...,"size":9,"sha":"...","place":"file:...","proof":1,"metadata":"{...}"}
 *   {"is":"version","account":"c","bucket":"b","object":"o","number":7,"kind":1,...}
 *   {"is":"property","account":"c","bucket":"b","key":"user.k","value":"v"}
 *   {"is":"rules","account":"c","bucket":"b","versioned":true,"policy":-1}
 *   {"is":"end","count":2}
 *
 * Unknown keys are ignored, an unknown "is" is an error: a program that does not know a line must
 * not leave it out.
 */
#ifndef FY_ADAPTERS_EXPORT_JSON_H
#define FY_ADAPTERS_EXPORT_JSON_H

#include "common/core/buf.h"
#include "common/ports/catalogue_row.h"

#define FY_EXPORT_FORMAT 2 /* 1 had neither versions nor properties; it is read as well */

/* What a record that was read borrows. */
struct fy_export_room {
    char is[16];
    char stamp[FY_STAMP_TEXT_BYTES];
    char sha[FY_BASE32HEX_DIGITS + 1];
    char account[FY_CLIENT_BYTES_MAX + 1];
    char client[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char object[FY_OBJECT_BYTES_MAX + 1];
    char targets[FY_TARGETS_BYTES_MAX + 1];
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    char hash[FY_HASH_BYTES_MAX + 1];
    char metadata[FY_METADATA_BYTES_MAX + 1];
    char key[FY_PROPERTY_KEY_BYTES_MAX + 1];
    char value[FY_EXPORT_VALUE_BYTES + 1];
    char guid[FY_GUID_DIGITS + 1];
    char catalogue[FY_GUID_DIGITS + 1];
    char site_id[FY_SITE_BYTES_MAX + 1];
    char site_name[FY_SITE_BYTES_MAX + 1];
    char uri[FY_URI_BYTES_MAX + 1];
    int64_t status, created, deleted, expires, at, size, proof, rights, format, number, count;
    int64_t kind, policy, keep, quota, state, until;
    bool gone, flag, full, versioned, exceeding;
};

/* Appends the line, with the newline that ends it; at most FY_EXPORT_LINE_BYTES. Kinds that are
 * written to files only. */
void fy_export_json_write(const struct fy_export_line *record, struct fy_buf *buf);
/* Reads a line, without its newline. record borrows from room; it is undefined on failure. Errors:
 * FY_ECORRUPT it is none of ours. Thread: any. */
FY_MUST_CHECK enum fy_code fy_export_json_read(const char *line, size_t line_bytes,
                                               struct fy_export_room *room,
                                               struct fy_export_line *record, struct fy_err *err);

#endif
