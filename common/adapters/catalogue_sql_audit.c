/* catalogue_sql_audit.c - all rows held against each other. */
/*
 * An audit is one read transaction, so that what it holds against each other is of one moment,
 * whoever writes meanwhile. It reads the tables in pages by their keys: no statement takes longer
 * than a page, and none needs an index that only it would use.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

#define AUDIT_ROWS  512 /* of a page; an answer of PostgreSQL is held in memory */
#define ABOUT_BYTES (FY_CLIENT_BYTES_MAX + FY_BUCKET_BYTES_MAX + FY_OBJECT_BYTES_MAX + 3)

/* A container whose sums are to be held against its rows. */
struct audited {
    int64_t id;
    bool filled; /* it has rows that count */
    char about[FY_CLIENT_BYTES_MAX + FY_BUCKET_BYTES_MAX + 2];
};

struct audit {
    struct fy_cs *self;
    struct fy_cs_conn *reader;
    struct fy_catalogue_totals counted;
    fy_audit_visit_fn *visit;
    void *arg;
    bool over;                  /* the visitor has had enough */
    struct audited *containers; /* of a page, AUDIT_ROWS */
    size_t container_count;
};

FY_PRINTF(4, 5)
static void found(struct audit *audit, const char *check, const char *about, const char *format,
                  ...)
{
    char text[FY_ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* a long one is cut */
    va_end(arguments);
    if (!audit->over)
        audit->over = !audit->visit(audit->arg, check, about, text);
}

static bool goes_on(const struct audit *audit)
{
    return !audit->over && !fy_cs_conn_failed(audit->reader);
}

/* ------------------------------------------------------------------ pages of each table */

/* One page of rows with an id above *after, which becomes the last one's; false: it was the last.
 */
typedef void audit_row_fn(struct audit *audit, struct fy_cs_use *use, int64_t id);

static bool page_by_id(struct audit *audit, enum fy_cs_sql sql, int64_t *after, audit_row_fn *row)
{
    int count = 0;
    struct fy_cs_use use = fy_cs_use(audit->reader, sql);
    fy_cs_i64(&use, *after);
    fy_cs_i64(&use, AUDIT_ROWS);
    for (; goes_on(audit) && fy_cs_row(&use); count++) {
        *after = fy_cs_take_i64(&use);
        row(audit, &use, *after);
    }
    fy_cs_end(&use);
    return count == AUDIT_ROWS && goes_on(audit);
}

static void walk_by_id(struct audit *audit, enum fy_cs_sql sql, audit_row_fn *row)
{
    int64_t after = 0;
    while (page_by_id(audit, sql, &after, row))
        continue;
}

static void container_row(struct audit *audit, struct fy_cs_use *use, int64_t id)
{
    struct audited *container = &audit->containers[audit->container_count++];
    char account[FY_CLIENT_BYTES_MAX + 1], name[FY_BUCKET_BYTES_MAX + 1];
    container->id = id;
    fy_cs_take_text(use, account, sizeof account);
    fy_cs_take_text(use, name, sizeof name);
    const struct fy_register reg = {.status = (enum fy_status)fy_cs_take_i64(use)};
    bool there = fy_cs_take_i64(use) != 0;
    bool hidden = fy_cs_take_i64(use) != 0;
    bool has_ready = fy_cs_take_i64(use) != 0;
    container->filled = fy_cs_take_i64(use) != 0 || has_ready;
    audit->counted.containers += there;
    (void)snprintf(container->about, sizeof container->about, "%s/%s", account, name);
    if (there != (!hidden && fy_rule_bucket_there(&reg, has_ready)))
        found(audit, "bucket.there", container->about, "is said to be %s, which it is not",
              there ? "there" : "gone");
}

static void container_sums(struct audit *audit, const struct audited *container)
{
    struct fy_cs_sum kept = fy_cs_sum_get(audit->self, audit->reader, container->id);
    struct fy_cs_sum counted = {.objects = 0};
    if (container->filled)
        counted = fy_cs_sum_count(audit->reader, container->id);
    if (goes_on(audit) && (kept.objects != counted.objects || kept.bytes != counted.bytes))
        found(audit, "bucket.sums", container->about,
              "counts %" PRId64 " objects of %" PRId64 " bytes, and its rows make %" PRId64
              " of %" PRId64,
              kept.objects, kept.bytes, counted.objects, counted.bytes);
}

static bool containers_page(struct audit *audit, int64_t *after)
{
    audit->container_count = 0;
    bool more = page_by_id(audit, FY_CS_AUDIT_CONTAINERS, after, container_row);
    for (size_t index = 0; index < audit->container_count && goes_on(audit); index++)
        container_sums(audit, &audit->containers[index]);
    return more;
}

static void walk_containers(struct audit *audit)
{
    int64_t after = 0;
    audit->containers = fy_alloc(AUDIT_ROWS * sizeof *audit->containers);
    while (containers_page(audit, &after))
        continue;
    free(audit->containers);
}

/* Where a walk by names is. */
struct object_at {
    int64_t container_id, version;
    char name[FY_OBJECT_BYTES_MAX + 1];
};

/* One page of rows after *at, which becomes the last one's; false: it was the last. */
typedef void audit_name_fn(struct audit *audit, struct fy_cs_use *use, struct object_at *at);

static bool page_by_name(struct audit *audit, enum fy_cs_sql sql, struct object_at *at,
                         audit_name_fn *row)
{
    int count = 0;
    struct object_at last = *at; /* bound while at moves */
    struct fy_cs_use use = fy_cs_use(audit->reader, sql);
    fy_cs_i64(&use, last.container_id);
    fy_cs_text(&use, last.name);
    fy_cs_i64(&use, last.version);
    fy_cs_i64(&use, AUDIT_ROWS);
    for (; goes_on(audit) && fy_cs_row(&use); count++)
        row(audit, &use, at);
    fy_cs_end(&use);
    return count == AUDIT_ROWS && goes_on(audit);
}

/* version: what stands before all of a name; its order is the statement's. */
static void walk_by_name(struct audit *audit, enum fy_cs_sql sql, int64_t version,
                         audit_name_fn *row)
{
    struct object_at at = {.version = version};
    while (page_by_name(audit, sql, &at, row))
        continue;
}

/* The name that is audited, for what is found; false: its container has no row. */
static bool take_about(struct fy_cs_use *use, const char *name, char about[ABOUT_BYTES])
{
    char account[FY_CLIENT_BYTES_MAX + 1] = "", bucket[FY_BUCKET_BYTES_MAX + 1] = "";
    bool housed = !fy_cs_take_null(use);
    if (housed) {
        fy_cs_take_text(use, account, sizeof account);
        fy_cs_take_text(use, bucket, sizeof bucket);
    }
    (void)snprintf(about, ABOUT_BYTES, "%s/%s/%s", account, bucket, name);
    return housed;
}

/* What an object row and the body it points at say of each other. */
static void object_judge(struct audit *audit, const char *about, bool ready, int64_t body_id,
                         int64_t size, int64_t body_size)
{
    if (ready && body_size < 0)
        found(audit, "object.body", about, "is READY and its body has no row");
    else if (ready && body_size != size)
        found(audit, "object.body", about, "has %" PRId64 " bytes, its body %" PRId64, size,
              body_size);
    else if (!ready && body_id != 0)
        found(audit, "object.body", about, "is not READY and holds a body");
}

static void object_row(struct audit *audit, struct fy_cs_use *use, struct object_at *at)
{
    char about[ABOUT_BYTES];
    at->container_id = fy_cs_take_i64(use);
    fy_cs_take_text(use, at->name, sizeof at->name);
    at->version = fy_cs_take_i64(use);
    bool ready = fy_cs_take_i64(use) == FY_STATUS_READY;
    bool marker = fy_cs_take_i64(use) != 0;
    int64_t size = fy_cs_take_i64(use);
    int64_t body_id = fy_cs_take_i64(use);
    bool kept = fy_cs_take_i64(use) != 0;
    int64_t body_size = fy_cs_take_null(use) ? -1 : fy_cs_take_i64(use);
    if (!take_about(use, at->name, about))
        found(audit, "object.bucket", about, "is in bucket %" PRId64 ", which has no row",
              at->container_id);
    object_judge(audit, about, ready, body_id, size, body_size);
    if (ready && marker)
        found(audit, "object.marker", about, "is READY and a delete marker");
    audit->counted.objects += ready;
    audit->counted.bytes += ready ? size : 0;
    audit->counted.kept_objects += kept;
    audit->counted.kept_bytes += kept ? size : 0;
}

struct version {
    int64_t number, kind, size;
    int64_t body_size; /* -1: there is no such row */
    bool has_body;
    bool doubled; /* the object is the version of that number, too */
};

static void version_judge(struct audit *audit, const char *about, const struct version *version)
{
    if (version->kind < FY_VERSION_BODY || version->kind > FY_VERSION_REGISTERED)
        found(audit, "version.kind", about, "has version %" PRId64 " of kind %" PRId64,
              version->number, version->kind);
    else if (version->kind != FY_VERSION_BODY && version->has_body)
        found(audit, "version.body", about, "has version %" PRId64 " without a body, which has one",
              version->number);
    else if (version->kind == FY_VERSION_BODY && version->body_size < 0)
        found(audit, "version.body", about, "has version %" PRId64 ", whose body has no row",
              version->number);
    else if (version->kind == FY_VERSION_BODY && version->body_size != version->size)
        found(audit, "version.body", about,
              "has version %" PRId64 " of %" PRId64 " bytes, its body %" PRId64, version->number,
              version->size, version->body_size);
    if (version->doubled)
        found(audit, "version.number", about, "has version %" PRId64 " twice", version->number);
}

static void version_row(struct audit *audit, struct fy_cs_use *use, struct object_at *at)
{
    char about[ABOUT_BYTES];
    at->container_id = fy_cs_take_i64(use);
    fy_cs_take_text(use, at->name, sizeof at->name);
    struct version version = {.number = fy_cs_take_i64(use)};
    at->version = version.number;
    version.kind = fy_cs_take_i64(use);
    version.size = fy_cs_take_i64(use);
    version.has_body = fy_cs_take_i64(use) != 0;
    version.doubled = fy_cs_take_i64(use) != 0;
    version.body_size = fy_cs_take_null(use) ? -1 : fy_cs_take_i64(use);
    if (!take_about(use, at->name, about))
        found(audit, "version.bucket", about,
              "has version %" PRId64 " in bucket %" PRId64 ", which has no row", version.number,
              at->container_id);
    version_judge(audit, about, &version);
}

static void body_row(struct audit *audit, struct fy_cs_use *use, int64_t id)
{
    (void)id;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    fy_cs_take_text(use, blob_ref, sizeof blob_ref);
    bool held = fy_cs_take_i64(use) != 0;
    bool in_trash = fy_cs_take_i64(use) != 0;
    if (!held)
        found(audit, "body.forgotten", blob_ref,
              "is referenced by nothing, and the sweep does not know of it");
    if (in_trash)
        found(audit, "body.trash", blob_ref, "is in trash, and a body row names it");
}

static void conflict_row(struct audit *audit, struct fy_cs_use *use, int64_t id)
{
    (void)id;
    audit->counted.conflicts++;
    if (fy_cs_take_i64(use) == 0)
        found(audit, "conflict.body", "", "the body of a conflict has no row");
}

static void waiting_row(struct audit *audit, struct fy_cs_use *use, int64_t id)
{
    (void)id;
    bool dead = fy_cs_take_i64(use) == FY_DEAD;
    audit->counted.dead_orders += dead;
    audit->counted.waiting_orders += !dead;
}

static void outbox_row(struct audit *audit, struct fy_cs_use *use, int64_t id)
{
    (void)id;
    audit->counted.outbox_orders += fy_cs_take_i64(use);
}

static void event_row(struct audit *audit, struct fy_cs_use *use, int64_t id)
{
    (void)id;
    int64_t events = fy_cs_take_i64(use);
    if (fy_cs_take_i64(use) == FY_STREAM_OIO)
        audit->counted.oio_events += events;
    else
        audit->counted.events += events;
}

/* ------------------------------------------------------------------ sums */

static void compare(struct audit *audit, const char *of, int64_t kept, int64_t counted)
{
    if (kept != counted)
        found(audit, "sum", of, "is %" PRId64 ", and its rows make %" PRId64, kept, counted);
}

static void sums(struct audit *audit)
{
    struct fy_catalogue_totals kept = {.containers = 0};
    fy_cs_sums_kept(audit->reader, &kept);
    if (!goes_on(audit))
        return;
    compare(audit, "buckets", kept.containers, audit->counted.containers);
    compare(audit, "objects", kept.objects, audit->counted.objects);
    compare(audit, "bytes", kept.bytes, audit->counted.bytes);
    compare(audit, "outbox", kept.outbox_orders, audit->counted.outbox_orders);
    compare(audit, "conflicts", kept.conflicts, audit->counted.conflicts);
    compare(audit, "events", kept.events, audit->counted.events);
    compare(audit, "oio_events", kept.oio_events, audit->counted.oio_events);
    compare(audit, "waiting orders", kept.waiting_orders, audit->counted.waiting_orders);
    compare(audit, "dead orders", kept.dead_orders, audit->counted.dead_orders);
    compare(audit, "deleted objects kept", kept.kept_objects, audit->counted.kept_objects);
    compare(audit, "bytes of deleted objects kept", kept.kept_bytes, audit->counted.kept_bytes);
}

/* ------------------------------------------------------------------ the audit */

/* What the engine finds wrong with its own file. */
static void ask_engine(struct audit *audit)
{
    if (fy_cs_sql_text(audit->reader->engine, FY_CS_AUDIT_ENGINE)[0] == '\0')
        return;
    char text[FY_ERR_TEXT_BYTES];
    struct fy_cs_use use = fy_cs_use(audit->reader, FY_CS_AUDIT_ENGINE);
    while (goes_on(audit) && fy_cs_row(&use)) {
        size_t size = 0;
        const char *said = fy_cs_take_blob(&use, &size);
        (void)snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text),
                       said == NULL ? "" : said); /* a long one is cut */
        if (strcmp(text, "ok") != 0)
            found(audit, "engine", "", "%s", text);
    }
    fy_cs_end(&use);
}

static void run(struct audit *audit)
{
    ask_engine(audit);
    walk_containers(audit);
    walk_by_name(audit, FY_CS_AUDIT_OBJECTS, -1, object_row);
    walk_by_name(audit, FY_CS_AUDIT_VERSIONS, INT64_MAX, version_row);
    walk_by_id(audit, FY_CS_AUDIT_BODIES, body_row);
    walk_by_id(audit, FY_CS_AUDIT_CONFLICTS, conflict_row);
    walk_by_id(audit, FY_CS_AUDIT_WAITING, waiting_row);
    walk_by_id(audit, FY_CS_AUDIT_OUTBOX, outbox_row);
    walk_by_id(audit, FY_CS_AUDIT_EVENTS, event_row);
    sums(audit);
}

enum fy_code fy_cs_audit(struct fy_catalogue *port, struct fy_catalogue_totals *counted,
                         fy_audit_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct audit audit = {
        .self = self, .reader = fy_cs_reader_take(self), .visit = visit, .arg = arg};
    fy_cs_exec(audit.reader, FY_CS_BEGIN_READ);
    run(&audit);
    fy_cs_exec(audit.reader, FY_CS_COMMIT);
    enum fy_code code = fy_cs_reader_give(self, audit.reader, err);
    if (code == FY_OK)
        *counted = audit.counted;
    return code;
}
