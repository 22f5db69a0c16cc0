/* oio.h - OpenIO's API: what its operations share (openio-container 1-4). */
/*
 * A route's handler is FY_OIO_HANDLER: it reads what all requests have alike (query, address, who
 * asks, how long it may take), resolves a container that is named by its id, and runs the
 * operation, which answers, or fails with a code that becomes OpenIO's error.
 */
#ifndef FY_API_OIO_H
#define FY_API_OIO_H

#include "api/http.h"
#include "api/oio_error.h"
#include "common/core/oio_words.h"

/* What the query has to name. */
enum fy_oio_address {
    FY_OIO_BY_ACCOUNT,   /* acct */
    FY_OIO_BY_NAMES,     /* acct and ref */
    FY_OIO_BY_CONTAINER, /* acct and ref, or cid, which wins */
    FY_OIO_BY_PATH,      /* the same, and path; version when given */
    FY_OIO_BY_OBJECT     /* the same, or instead of path, which wins, the id of a content */
};

/* One request; lives as long as the exchange. Thread: one at a time. */
struct fy_oio {
    struct fy_exchange *x;
    struct fy_node *node;
    enum fy_oio_operation operation;
    struct fy_oio_query query;
    const char *body; /* the exchange's */
    size_t body_bytes;
    /* The address; account and name are there when an operation runs, however they were given. */
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_object_key key; /* of FY_OIO_BY_PATH and FY_OIO_BY_OBJECT */
    int64_t version;          /* 0 none given */
    bool by_id;               /* the id of a content was, and version is what it names */
    /* Who asks. */
    char request_id[FY_REQUEST_ID_BYTES_MAX + 1];
    char origin[FY_ORIGIN_BYTES_MAX + 1];
    struct fy_cat_asker asker;  /* borrows both */
    int64_t begun_ms, until_ms; /* monotonic: the request is out of time then */
    int64_t resolved_ms;        /* when the container's names were known */
    struct fy_oio_error
        instead; /* of the error that the operation ends with; code 0: by the table */
};

typedef enum fy_code fy_oio_run_fn(struct fy_oio *oio, struct fy_err *err);
struct fy_oio_way {
    enum fy_oio_operation operation;
    enum fy_oio_address address;
    bool tells; /* its events go out: refused while too many of them wait (503) */
    /* Answers and says FY_OK; or answers nothing. Thread: pool. May block. */
    fy_oio_run_fn *run;
};
/* What a route's handler does; handle is that handler. */
void fy_oio_serve(struct fy_exchange *x, const struct fy_oio_way *way,
                  void (*handle)(struct fy_exchange *x));
#define FY_OIO_HANDLER(name, whose, what)         FY_OIO_HANDLER_OF(name, whose, what, false)
#define FY_OIO_TELLING_HANDLER(name, whose, what) FY_OIO_HANDLER_OF(name, whose, what, true)
#define FY_OIO_HANDLER_OF(name, whose, what, is_telling)                                           \
    static void name##_handle(struct fy_exchange *x)                                               \
    {                                                                                              \
        static const struct fy_oio_way way = {                                                     \
            .operation = (whose), .address = (what), .tells = (is_telling), .run = (name)};        \
        fy_oio_serve(x, &way, name##_handle);                                                      \
    }
extern const struct fy_dialect fy_oio_dialect;
#define FY_OIO_PREFIX "/v3.0/{ns}/"
/* Rows of a table: a body is gathered, for most operations refuse one that is not JSON. */
#define FY_OIO_ROUTE(verb, path, name)                                                             \
    {                                                                                              \
        .method = (verb), .pattern = FY_OIO_PREFIX path, .module = "OPENIO",                       \
        .body = FY_BODY_WHOLE, .body_max = FY_OIO_BODY_BYTES_MAX, .dialect = &fy_oio_dialect,      \
        .handle = name##_handle                                                                    \
    }

/* Visits what the query names, whatever its limit, until visit says no; from: without delimiter.
 * *bounded: FY_OIO_WALK_ROWS_MAX were visited, and there may be more. Errors: FY_EBUSY enough walks
 * run; FY_ETIMEOUT, FY_ECANCELLED as fy_oio_in_time; those of the catalogue. */
FY_MUST_CHECK enum fy_code fy_oio_walk(struct fy_oio *oio, const struct fy_version_query *from,
                                       fy_version_visit_fn *visit, void *arg, bool *bounded,
                                       struct fy_err *err);
/* The object that the id of a content names in the container of oio: its path and its version, even
 * if that is the newest, which another may be by the time it is used. Errors: FY_EINPUT no id, or
 * too many versions to look through; FY_ENOTFOUND; FY_EFROZEN the container is disabled;
 * FY_ETIMEOUT; FY_EBUSY. */
FY_MUST_CHECK enum fy_code fy_oio_find(struct fy_oio *oio, const char *id, struct fy_err *err);

/* A parameter; NULL absent. */
const char *fy_oio_param(struct fy_oio *oio, const char *name);
/* A flag: the parameter, or else the word of x-oio-action-mode. */
bool fy_oio_flag(struct fy_oio *oio, const char *name);
/* *value stays when it is absent. FY_EINPUT: not a number. */
FY_MUST_CHECK enum fy_code fy_oio_param_i64(struct fy_oio *oio, const char *name, int64_t *value,
                                            struct fy_err *err);
/* The body; FY_EINPUT: neither empty nor JSON. */
FY_MUST_CHECK enum fy_code fy_oio_body_check(struct fy_oio *oio, struct fy_err *err);
/* Whether a step of many may begin. FY_ETIMEOUT: it has no time left; FY_ECANCELLED: we stop. */
FY_MUST_CHECK enum fy_code fy_oio_in_time(struct fy_oio *oio, struct fy_err *err);
/* Runs an operation of the catalogue. */
FY_MUST_CHECK enum fy_code fy_oio_write(struct fy_oio *oio, struct fy_cat_op *op,
                                        struct fy_err *err);
/* An order was written: the pump wakes. */
void fy_oio_ordered(struct fy_oio *oio);

/* What a container allows now. */
enum fy_container_state fy_oio_state(struct fy_oio *oio, const struct fy_container_rules *rules);

/* The ends of an operation that went well. */
FY_MUST_CHECK enum fy_code fy_oio_empty(struct fy_oio *oio, int http_status);
FY_MUST_CHECK enum fy_code fy_oio_nothing(struct fy_oio *oio); /* 200 with {} */
/* Takes the bytes. */
FY_MUST_CHECK enum fy_code fy_oio_json(struct fy_oio *oio, int http_status, struct fy_buf *json);
/* A header whose value is percent-encoded, if there is still room for it; false: there is none. */
bool fy_oio_header(struct fy_oio *oio, const char *name, const char *value);

#endif
