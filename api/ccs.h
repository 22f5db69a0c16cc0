/* ccs.h - what the CCS routes share: names out of paths, rights, rows as JSON and as headers
 * (spec 1.3-1.6). */
#ifndef FY_API_CCS_H
#define FY_API_CCS_H

#include "api/http.h"

#define FY_ACCESSOR_JSON_BYTES_MAX                                                                 \
    (32 << 10) /* one bucket or object as JSON, escapes included                                   \
                */

/* {bucket} and {object*} of the path, cleaned (spec 2.2). account stays "": the CCS view. Errors:
 * FY_EINPUT with the sanitiser's sentence; nothing is answered. */
FY_MUST_CHECK enum fy_code fy_ccs_path_key(struct fy_exchange *x, struct fy_object_key *key,
                                           struct fy_err *err);
/* The same for what must be there already: a name that cannot exist is not (spec 1.6 F). False: 404
 * is answered. */
FY_MUST_CHECK bool fy_ccs_key_or_404(struct fy_exchange *x, struct fy_object_key *key);
/* The query's fullCheck: a HEAD of an object is to look into the store, too. */
bool fy_ccs_full_check(struct fy_exchange *x);

/* FY_EFORBIDDEN when the client lacks one of the needed bits on the bucket. May block. */
FY_MUST_CHECK enum fy_code fy_ccs_allowed(struct fy_node *node, const char *client,
                                          const char *bucket, unsigned needed, struct fy_err *err);
/* Whether the exchange's client may read in the container: it is the account's own, or has the READ
 * right on the bucket; and the container is not disabled, unless a site asks (fy_is_from_site).
 * account "": the CCS-visible one, by the right alone. Errors: FY_ENOTFOUND the container is not
 * there; FY_EFORBIDDEN; FY_EFROZEN it is disabled. May block. */
FY_MUST_CHECK enum fy_code fy_ccs_may_read(struct fy_exchange *x, const char *account,
                                           const char *bucket, struct fy_err *err);
/* Whether clients are shown what is in the container: FY_EFROZEN of a disabled one. */
FY_MUST_CHECK enum fy_code fy_ccs_is_shown(struct fy_exchange *x,
                                           const struct fy_container_row *row, struct fy_err *err);
/* The same of one whose row is not at hand. account "": of the CCS-visible one. One that is not
 * there refuses nothing. May block. */
FY_MUST_CHECK enum fy_code fy_ccs_shows(struct fy_exchange *x, const char *account,
                                        const char *bucket, struct fy_err *err);
/* Who asks by the CCS routes: what is in a disabled bucket is hidden from clients, while sites go
 * on with what was ordered before. */
enum fy_ccs_side { FY_CCS_CLIENT, FY_CCS_SITE };
/* The object READY and readable by the exchange's client: bucket there, READ right, row READY. *row
 * is also filled when the object is there but not READY (FY_ENOTFOUND), for its stamp; else its
 * stamp is zero. Errors: also FY_EFORBIDDEN, FY_EFROZEN (of FY_CCS_CLIENT). */
FY_MUST_CHECK enum fy_code fy_ccs_object_ready(struct fy_exchange *x, enum fy_ccs_side side,
                                               const struct fy_object_key *key,
                                               struct fy_object_row *row, struct fy_err *err);

/* AccessorBucket (spec 3.2) and AccessorObject (spec 3.3) appended as one JSON object. */
void fy_ccs_bucket_json(struct fy_node *node, const struct fy_container_row *row,
                        struct fy_buf *json);
void fy_ccs_object_json(struct fy_node *node, const char *bucket, const struct fy_object_row *row,
                        struct fy_buf *json);
/* The object's headers (spec 1.4) and x-ferry-stamp. */
void fy_ccs_object_headers(struct fy_exchange *x, const char *bucket,
                           const struct fy_object_row *row);
/* x-ferry-stamp alone, also on a 404 of a tombstone; nothing for the zero stamp. */
void fy_stamp_header(struct fy_exchange *x, const struct fy_stamp *stamp);
/* x-ferry-version-id: which version of its name it is. */
void fy_version_header(struct fy_exchange *x, const struct fy_object_row *row);
/* Those rows as the answer: one JSON object. */
void fy_ccs_answer_bucket(struct fy_exchange *x, int http_status,
                          const struct fy_container_row *row);
void fy_ccs_answer_object(struct fy_exchange *x, int http_status, const char *bucket,
                          const struct fy_object_row *row);
/* Opens the body and answers it (fy_answer_stored), headers included; 404 when it is not whole. */
void fy_ccs_answer_body(struct fy_exchange *x, const char *bucket, const struct fy_object_row *row);

/* ---- what the accessor and the other sites ask alike; each answers. Thread: pool. */

/* GET of {bucket}, there now. with_stamp: x-ferry-stamp, too. */
void fy_ccs_get_bucket(struct fy_exchange *x, bool with_stamp);
/* HEAD of {bucket}: type BUCKET or NONE. */
void fy_ccs_head_bucket(struct fy_exchange *x);
/* HEAD of {bucket}/{object} (spec 6.2): type OBJECT, DIRECTORY (a prefix of names) or NONE, also
 * without the right to read. full_check: NONE when its body is not whole in the store. */
void fy_ccs_head_object(struct fy_exchange *x, enum fy_ccs_side side, bool full_check);

/* For FY_AUTO: a row is too large for a pool thread's stack. */
void fy_object_row_free(struct fy_object_row **row);

#endif
