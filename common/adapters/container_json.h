/* container_json.h - a container's description as another site gives it: CCS's AccessorBucket
 * (spec 3.2), or Ferry's own form with the register's word and stamp. */
#ifndef FY_ADAPTERS_CONTAINER_JSON_H
#define FY_ADAPTERS_CONTAINER_JSON_H

#include "common/ports/catalogue.h"

struct fy_container_json {
    char account[FY_CLIENT_BYTES_MAX + 1]; /* account, or clientId */
    char name[FY_BUCKET_BYTES_MAX + 1];    /* name, or id */
    char site[FY_SITE_BYTES_MAX + 1];      /* "" absent */
    enum fy_status status;
    bool has_register; /* Ferry's form: present and stamp are the register's */
    bool present;
    struct fy_stamp stamp;
    int64_t creation_ms;
    int64_t expires_ms; /* 0 none */
};

/* Reads either form (ReplicatorResponse's wrapper too: its `response`). *out is untouched on
 * failure. Errors: FY_EINPUT not JSON, not an object, a wrong type, an over-long text, no name.
 * Thread: any. */
FY_MUST_CHECK enum fy_code fy_container_json_parse(const char *bytes, size_t size_bytes,
                                                   struct fy_container_json *out,
                                                   struct fy_err *err);

#endif
