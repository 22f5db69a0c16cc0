/* oio_facts.c - a container's properties: those that clients have set, and those that are made up
 * of what it is. */
#include "api/oio_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/container_cid.h"
#include "common/core/container_rules.h"
#include "common/core/names.h"
#include "common/runtime/knowledge.h"

static const char objects_of_policy[] = "sys.m2.objects." FY_OIO_POLICY;
static const char usage_of_policy[] = "sys.m2.usage." FY_OIO_POLICY;

/* Keys that are made here: what clients have set under them is not shown, but does what it does. */
static const char *const computed_keys[] = {
    "sys.ns",          "sys.account",  "sys.user.name",    "sys.name",
    "sys.type",        "sys.status",   "sys.status.until", "sys.peers",
    "sys.m2.init",     "sys.m2.ctime", "sys.m2.version",   "sys.m2.objects",
    objects_of_policy, "sys.m2.usage", usage_of_policy,    "sys.m2.shards",
};

static bool is_computed(const char *key)
{
    for (size_t i = 0; i < FY_COUNT_OF(computed_keys); i++)
        if (strcmp(key, computed_keys[i]) == 0)
            return true;
    return false;
}

/* ---- reading */

static void pair_keep(struct fy_buf *headers, const struct fy_property *property)
{
    fy_buf_add(headers, property->key, strlen(property->key) + 1);
    fy_buf_add(headers, property->value, strlen(property->value) + 1);
}

/* Into a list that may be full: then the pair is left out whole. */
static void header_keep(struct fy_buf *headers, const struct fy_property *property)
{
    size_t pair_bytes = strlen(property->key) + strlen(property->value) + 2;
    if (pair_bytes <= headers->max_bytes - headers->size_bytes)
        pair_keep(headers, property);
}

static bool take_property(void *arg, const struct fy_property *property)
{
    struct fy_oio_facts *facts = arg;
    bool of_user = strncmp(property->key, "user.", 5) == 0;
    if (is_computed(property->key))
        return true;
    fy_buf_json_str(of_user ? &facts->user : &facts->system, property->key + (of_user ? 5 : 0),
                    property->value);
    header_keep(of_user ? &facts->user_headers : &facts->headers, property);
    return true;
}

enum fy_code fy_oio_facts_read(struct fy_oio *oio, struct fy_oio_facts *facts, struct fy_err *err)
{
    struct fy_container_ref ref = {.account = oio->account, .name = oio->name};
    fy_buf_init(&facts->user, FY_OIO_FACTS_BYTES_MAX);
    fy_buf_init(&facts->system, FY_OIO_FACTS_BYTES_MAX);
    fy_buf_init(&facts->headers, FY_ANSWER_HEAD_BYTES_MAX);
    fy_buf_init(&facts->user_headers, FY_ANSWER_HEAD_BYTES_MAX);
    fy_buf_text(&facts->user, "{");
    fy_buf_text(&facts->system, "{");
    return fy_catalogue_container_info(oio->node->catalogue, &ref, &facts->info, take_property,
                                       facts, err);
}

void fy_oio_facts_free(struct fy_oio_facts **facts)
{
    fy_buf_done(&(*facts)->user);
    fy_buf_done(&(*facts)->system);
    fy_buf_done(&(*facts)->headers);
    fy_buf_done(&(*facts)->user_headers);
    free(*facts);
}

/* ---- what is made up */

typedef void emit_fn(void *arg, const char *key, const char *value);

static void emit_number(emit_fn *emit, void *arg, const char *key, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    emit(arg, key, text);
}

/* Where others reach this site, as host:port: by its row among the sites, which public_url has
 * entered; by the address it listens at while it has none. */
static void emit_peers(struct fy_oio *oio, emit_fn *emit, void *arg)
{
    struct fy_site_row site;
    struct fy_err err;
    char host[FY_URI_BYTES_MAX + 1];
    bool known = fy_know_site(oio->node, oio->node->site, &site, &err) == FY_OK &&
                 fy_uri_host(site.uri, host);
    emit(arg, "sys.peers", known ? host : oio->node->config->listen);
}

/* A freeze ends by itself, and is not told of any more. */
static void emit_state(struct fy_oio *oio, const struct fy_container_rules *rules, emit_fn *emit,
                       void *arg)
{
    enum fy_container_state state = fy_oio_state(oio, rules);
    emit(arg, "sys.status", fy_container_state_text(state));
    if (state == FY_CONTAINER_FROZEN && rules->frozen_until_ms != 0)
        emit_number(emit, arg, "sys.status.until", rules->frozen_until_ms / 1000);
}

static void emit_name(const struct fy_container_row *row, emit_fn *emit, void *arg)
{
    struct fy_digest cid;
    char text[FY_HEX_DIGITS + 1];
    char name[sizeof(text) + 2];
    fy_container_cid(row->account, row->name, &cid);
    fy_digest_print_hex(&cid, true, text);
    (void)snprintf(name, sizeof(name), "%s.1", text);
    emit(arg, "sys.name", name);
}

static void emit_computed(struct fy_oio *oio, const struct fy_container_info *info, emit_fn *emit,
                          void *arg)
{
    emit(arg, "sys.ns", oio->node->config->oio_namespace);
    emit(arg, "sys.account", info->row.account);
    emit(arg, "sys.user.name", info->row.name);
    emit_name(&info->row, emit, arg);
    emit(arg, "sys.type", "meta2");
    emit_state(oio, &info->row.rules, emit, arg);
    emit_peers(oio, emit, arg);
    emit(arg, "sys.m2.init", "1");
    emit_number(emit, arg, "sys.m2.ctime", 1000 * info->row.creation_ms);
    emit_number(emit, arg, "sys.m2.version", info->changes);
    emit_number(emit, arg, "sys.m2.objects", info->objects);
    emit_number(emit, arg, objects_of_policy, info->objects);
    emit_number(emit, arg, "sys.m2.usage", info->bytes);
    emit_number(emit, arg, usage_of_policy, info->bytes);
    emit(arg, "sys.m2.shards", "0");
}

/* Internals of a database that we have not got, which clients look for. */
static void emit_others(emit_fn *emit, void *arg)
{
    emit(arg, "schema_version", "1.8");
    emit(arg, "version:main.admin", "1:0");
}

/* ---- as JSON */

static void emit_json(void *arg, const char *key, const char *value)
{
    fy_buf_json_str(arg, key, value);
}

void fy_oio_facts_user_json(struct fy_oio_facts *facts, struct fy_buf *json)
{
    fy_buf_add(json, facts->user.bytes, facts->user.size_bytes);
    fy_buf_text(json, "}");
}

void fy_oio_facts_system_json(struct fy_oio *oio, struct fy_oio_facts *facts, bool all,
                              struct fy_buf *json)
{
    fy_buf_add(json, facts->system.bytes, facts->system.size_bytes);
    emit_computed(oio, &facts->info, emit_json, json);
    if (all)
        emit_others(emit_json, json);
    fy_buf_text(json, "}");
}

/* ---- as headers */

static void emit_header(void *arg, const char *key, const char *value)
{
    size_t name_bytes = strlen(key) + FY_OIO_PROPERTY_HEADER_BYTES;
    char *name = fy_alloc(name_bytes);
    FY_ASSERT(fy_oio_property_header(key, name, name_bytes));
    (void)fy_oio_header(arg, name, value); /* without room it is left out */
    free(name);
}

static void emit_kept(struct fy_oio *oio, const struct fy_buf *headers)
{
    const char *end = headers->bytes + headers->size_bytes;
    for (const char *key = headers->bytes; key < end;) {
        const char *value = key + strlen(key) + 1;
        emit_header(oio, key, value);
        key = value + strlen(value) + 1;
    }
}

void fy_oio_facts_headers(struct fy_oio *oio, struct fy_oio_facts *facts, bool users)
{
    emit_computed(oio, &facts->info, emit_header, oio);
    if (!users)
        emit_others(emit_header, oio);
    emit_kept(oio, &facts->headers);
    if (users)
        emit_kept(oio, &facts->user_headers);
}
