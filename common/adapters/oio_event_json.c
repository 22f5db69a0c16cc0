/* oio_event_json.c - OpenIO's events: the envelope, and what each of them tells of a container. */
#include "common/adapters/oio_event_json_impl.h"

#include <string.h>

#define HEAD_BYTES ((size_t)32 << 10) /* of an event without its properties */
#define PAIR_BYTES 3                  /* beside key and value: a comma, a colon, null's rest */

/* A byte of a text takes at most six ("\u001f") in JSON. */
static_assert(6 * (FY_OIO_NS_BYTES_MAX + 2 * FY_CLIENT_BYTES_MAX + 2 * FY_BUCKET_BYTES_MAX +
                   FY_OBJECT_BYTES_MAX + FY_REQUEST_ID_BYTES_MAX + FY_ORIGIN_BYTES_MAX +
                   FY_URI_BYTES_MAX) +
                      2048 <
                  HEAD_BYTES,
              "an envelope fits, and what is beside the properties");

static const char *const kind_names[FY_OIO_KIND_COUNT] = {
    [FY_OIO_CONTAINER_NEW] = "storage.container.new",
    [FY_OIO_CONTAINER_DELETED] = "storage.container.deleted",
    [FY_OIO_CONTAINER_STATE] = "storage.container.state",
    [FY_OIO_CONTAINER_UPDATE] = "storage.container.update",
    [FY_OIO_SERVICES] = "account.services",
    [FY_OIO_CONTENT_NEW] = "storage.content.new",
    [FY_OIO_CONTENT_UPDATE] = "storage.content.update",
    [FY_OIO_CONTENT_DELETED] = "storage.content.deleted",
};

/* ------------------------------------------------------------------ the envelope */

static bool is_known(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void add_known(struct fy_buf *buf, const char *key, const char *value)
{
    if (is_known(value))
        fy_buf_json_str(buf, key, value);
}

static void add_content(struct fy_buf *buf, const struct fy_oio_content *content)
{
    char id[FY_OIO_ID_DIGITS + 1];
    char version[24];
    (void)snprintf(version, sizeof version, "%" PRId64, content->version);
    fy_buf_json_str(buf, "path", content->name);
    fy_buf_json_str(buf, "content", fy_oio_content_id(content, id));
    fy_buf_json_str(buf, "version", version);
}

void fy_oio_event_begin(const struct fy_oio_event *event, struct fy_buf *buf)
{
    fy_buf_text(buf, "{");
    fy_buf_json_str(buf, "event", kind_names[event->kind]);
    fy_buf_json_i64(buf, "when", event->when_us);
    fy_buf_json_key(buf, "url");
    fy_buf_text(buf, "{");
    fy_buf_json_str(buf, "ns", event->ns);
    fy_buf_json_str(buf, "account", event->account);
    fy_buf_json_str(buf, "user", event->container);
    fy_buf_json_str(buf, "id", event->cid);
    add_known(buf, "bucket", event->bucket);
    if (event->content != NULL)
        add_content(buf, event->content);
    fy_buf_text(buf, "}");
    add_known(buf, "request_id", event->request_id);
    add_known(buf, "origin", event->origin);
    fy_buf_json_key(buf, "data");
}

static void add_bucket(struct fy_buf *buf, const struct fy_oio_event *event)
{
    fy_buf_json_str(buf, "bucket", is_known(event->bucket) ? event->bucket : NULL);
}

/* ------------------------------------------------------------------ sums and services */

/* All objects are of the one policy there is. */
static void add_details(struct fy_buf *buf, const char *key, int64_t value)
{
    fy_buf_json_key(buf, key);
    fy_buf_text(buf, "{");
    fy_buf_json_i64(buf, FY_OIO_POLICY, value);
    fy_buf_text(buf, "}");
}

void fy_oio_state_write(const struct fy_oio_event *event, int64_t created_ms, int64_t objects,
                        int64_t bytes, struct fy_buf *buf)
{
    fy_oio_event_begin(event, buf);
    fy_buf_text(buf, "{");
    add_bucket(buf, event);
    fy_buf_json_str(buf, "policy", NULL);
    fy_buf_json_i64(buf, "ctime", created_ms * 1000);
    fy_buf_json_i64(buf, "bytes-count", bytes);
    add_details(buf, "bytes-details", bytes);
    fy_buf_json_i64(buf, "object-count", objects);
    add_details(buf, "objects-details", objects);
    fy_buf_text(buf, "}}");
}

void fy_oio_services_write(const struct fy_oio_event *event, const char *service,
                           struct fy_buf *buf)
{
    fy_oio_event_begin(event, buf);
    fy_buf_text(buf, "[");
    if (service != NULL) {
        fy_buf_text(buf, "{");
        fy_buf_json_str(buf, "type", "meta2");
        fy_buf_json_str(buf, "host", service);
        fy_buf_text(buf, "}");
    }
    fy_buf_text(buf, "]}");
}

/* ------------------------------------------------------------------ properties of a container */

/* Of a client's property the name without the prefix; NULL: it is one of the system's. */
static const char *user_name(const struct fy_property *property)
{
    static const char prefix[] = "user.";
    size_t prefix_bytes = sizeof prefix - 1;
    bool of_user = strncmp(property->key, prefix, prefix_bytes) == 0;
    return of_user ? property->key + prefix_bytes : NULL;
}

/* What the property takes in an event. */
static size_t written_bytes(const struct fy_property *property, struct fy_buf *scratch)
{
    fy_buf_clear(scratch);
    fy_buf_json_text(scratch, property->key);
    fy_buf_json_text(scratch, property->value);
    return scratch->size_bytes + PAIR_BYTES;
}

static bool fits(const struct fy_property *property, struct fy_buf *scratch, size_t room)
{
    return written_bytes(property, scratch) <= room && !scratch->overflow;
}

/* How far the properties from that index on have room together. */
static size_t reach(const struct fy_property *properties, size_t count, size_t from,
                    struct fy_buf *scratch)
{
    size_t room = FY_OIO_EVENT_BYTES_MAX - HEAD_BYTES;
    size_t to = from;
    for (; to < count && fits(&properties[to], scratch, room); to++)
        room -= written_bytes(&properties[to], scratch);
    return to;
}

static void add_section(struct fy_buf *buf, enum fy_oio_kind kind, bool of_user,
                        const struct fy_property *properties, size_t count)
{
    const char *section = of_user ? "properties" : "system";
    fy_buf_json_key(buf, section);
    fy_buf_text(buf, "{");
    for (size_t index = 0; index < count; index++) {
        const struct fy_property *property = &properties[index];
        const char *name = user_name(property);
        /* A new container has none of what was given as absent. */
        bool told = kind != FY_OIO_CONTAINER_NEW || is_known(property->value);
        if (told && (name != NULL) == of_user)
            fy_buf_json_str(buf, of_user ? name : property->key, property->value);
    }
    fy_buf_text(buf, "}");
}

size_t fy_oio_properties_write(const struct fy_oio_event *event, const char *service,
                               const struct fy_property *properties, size_t count, size_t from,
                               struct fy_buf *buf)
{
    FY_AUTO(fy_buf_done) struct fy_buf scratch;
    fy_buf_init(&scratch, FY_OIO_EVENT_BYTES_MAX);
    size_t room = FY_OIO_EVENT_BYTES_MAX - HEAD_BYTES;
    size_t to = reach(properties, count, from, &scratch);
    fy_oio_event_begin(event, buf);
    fy_buf_text(buf, "{");
    add_section(buf, event->kind, false, properties + from, to - from);
    add_section(buf, event->kind, true, properties + from, to - from);
    if (event->kind == FY_OIO_CONTAINER_NEW) {
        fy_buf_json_key(buf, "peers");
        fy_buf_text(buf, "[");
        fy_buf_json_text(buf, service);
        fy_buf_text(buf, "]");
    }
    add_bucket(buf, event);
    fy_buf_text(buf, "}}");
    while (to < count && !fits(&properties[to], &scratch, room))
        to++;
    return to;
}
