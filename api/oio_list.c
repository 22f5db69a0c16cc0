/* oio_list.c - list: a page of a container's objects, versions and groups. */
/*
 * A page is put together in memory, since its headers say whether more follows. It ends with as
 * many entries as were asked for, or with the one that makes it FY_OIO_LIST_BYTES large, and says
 * then where to go on: clients follow markers, whatever the length of a page.
 *
 * With x-oio-list-content-hash or x-oio-list-chunk-id all names are walked for what has that body
 * or that id: few such walks run at once, and each has a bound, beyond which the client goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/oio_entry.h"
#include "api/oio_facts.h"
#include "common/core/container_rules.h"
#include "common/core/names.h"

struct page {
    struct fy_oio *oio;
    struct fy_oio_entries entries;
    struct fy_version_query query;
    const char *hash, *chunk_id; /* only these; NULL any */
    uint32_t max;

    struct fy_buf prefixes, objects;
    uint32_t taken; /* objects and groups in it */
    bool truncated;
    /* The last that was read. */
    char last[FY_OBJECT_BYTES_MAX + 1];
    int64_t last_version; /* FY_UNSET of a group */
};

/* For FY_AUTO: it is too large for a pool thread's stack. */
static void page_free(struct page **page)
{
    fy_buf_done(&(*page)->prefixes);
    fy_buf_done(&(*page)->objects);
    free(*page);
}

/* ------------------------------------------------------------------ what is asked */

static enum fy_code read_text(struct fy_oio *oio, const char *name, const char **text,
                              struct fy_err *err)
{
    const char *given = fy_oio_param(oio, name);
    if (given == NULL)
        return FY_OK;
    size_t given_bytes = strlen(given);
    if (given_bytes > FY_OIO_TEXT_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT, "%s: over %d bytes", name, FY_OIO_TEXT_BYTES_MAX);
    if (!fy_utf8_is_valid(given, given_bytes))
        return fy_err_set(err, FY_EINPUT, "%s: not UTF-8", name);
    *text = given;
    return FY_OK;
}

static enum fy_code read_texts(struct fy_oio *oio, struct fy_version_query *query,
                               struct fy_err *err)
{
    *query = (struct fy_version_query){.account = oio->account,
                                       .bucket = oio->name,
                                       .prefix = "",
                                       .after = "",
                                       .version_after = FY_UNSET,
                                       .before = "",
                                       .delimiter = "",
                                       .version = FY_UNSET};
    enum fy_code code = read_text(oio, "prefix", &query->prefix, err);
    if (code == FY_OK)
        code = read_text(oio, "marker", &query->after, err);
    if (code == FY_OK)
        code = read_text(oio, "marker_end", &query->before, err);
    if (code == FY_OK)
        code = read_text(oio, "end_marker", &query->before, err);
    return code == FY_OK ? read_text(oio, "delimiter", &query->delimiter, err) : code;
}

static enum fy_code read_numbers(struct page *page, struct fy_err *err)
{
    int64_t max = 0;
    struct fy_oio *oio = page->oio;
    enum fy_code code = fy_oio_param_i64(oio, "max", &max, err);
    if (code == FY_OK)
        code = fy_oio_param_i64(oio, "version_marker", &page->query.version_after, err);
    if (code == FY_OK)
        code = fy_oio_param_i64(oio, "version", &page->query.version, err);
    if (max <= 0)
        max = FY_OIO_LIST_DEFAULT;
    page->max = max < FY_OIO_LIST_MAX ? (uint32_t)max : FY_OIO_LIST_MAX;
    return code;
}

static bool param_is_true(struct fy_oio *oio, const char *name)
{
    const char *text = fy_oio_param(oio, name);
    return text != NULL && fy_oio_bool(text);
}

static enum fy_code read_filters(struct page *page, struct fy_err *err)
{
    struct fy_exchange *x = page->oio->x;
    page->hash = fy_request_header(x, "x-oio-list-content-hash");
    page->chunk_id = fy_request_header(x, "x-oio-list-chunk-id");
    if (page->hash != NULL && !fy_oio_hash_is_valid(page->hash))
        return fy_err_set(err, FY_EINPUT, "x-oio-list-content-hash: '%.40s' is no hash",
                          page->hash);
    if (page->hash != NULL || page->chunk_id != NULL)
        page->query.delimiter = ""; /* only objects are asked for */
    return FY_OK;
}

static enum fy_code read_question(struct page *page, struct fy_err *err)
{
    struct fy_oio *oio = page->oio;
    enum fy_code code = read_texts(oio, &page->query, err);
    if (code == FY_OK)
        code = read_numbers(page, err);
    if (code == FY_OK)
        code = read_filters(page, err);
    page->query.all = fy_oio_param(oio, "all") != NULL;
    page->query.deleted = fy_oio_param(oio, "deleted") != NULL;
    page->entries.properties = param_is_true(oio, "properties");
    page->entries.chunks = param_is_true(oio, "chunks");
    page->entries.account = oio->account;
    page->entries.container = oio->name;
    if (code == FY_OK && page->entries.chunks)
        code = fy_oio_site_uri(oio->node, page->entries.site_uri, err);
    return code;
}

/* ------------------------------------------------------------------ the entries */

static bool is_filtered(const struct page *page)
{
    return page->hash != NULL || page->chunk_id != NULL;
}

static bool is_wanted(const struct page *page, const struct fy_object_row *row)
{
    char hash[FY_OIO_HASH_BYTES];
    char id[FY_OIO_ID_DIGITS + 1];
    fy_oio_entry_hash(row, hash);
    fy_oio_id_print(row->id, id);
    if (is_filtered(page) && row->marker)
        return false;
    if (page->hash != NULL && strcasecmp(page->hash, hash) != 0)
        return false;
    return page->chunk_id == NULL || strcasecmp(page->chunk_id, id) == 0;
}

static bool is_full(const struct page *page)
{
    return page->taken == page->max ||
           page->objects.size_bytes + page->prefixes.size_bytes >= FY_OIO_LIST_BYTES;
}

static void remember(struct page *page, const char *name, int64_t version)
{
    FY_ASSERT(fy_text_copy(page->last, sizeof(page->last), name));
    page->last_version = version;
}

static bool add_entry(void *arg, const struct fy_version_entry *entry)
{
    struct page *page = arg;
    if (is_full(page)) {
        page->truncated = true;
        return false;
    }
    if (entry->group != NULL) {
        remember(page, entry->group, FY_UNSET);
        page->taken++;
        fy_buf_json_next(&page->prefixes);
        fy_buf_json_text(&page->prefixes, entry->group);
        return true;
    }
    remember(page, entry->row->name, entry->row->version);
    if (!is_wanted(page, entry->row))
        return true;
    page->taken++;
    fy_buf_json_next(&page->objects);
    fy_oio_entry_json(&page->entries, entry->row, &page->objects);
    return true;
}

/* One more than are wanted, which tells whether they are all. */
static enum fy_code read_page(struct page *page, struct fy_err *err)
{
    page->query.limit = page->max + 1;
    return fy_catalogue_version_list(page->oio->node->catalogue, &page->query, add_entry, page,
                                     err);
}

static enum fy_code read_filtered(struct page *page, struct fy_err *err)
{
    bool bounded = false;
    enum fy_code code = fy_oio_walk(page->oio, &page->query, add_entry, page, &bounded, err);
    page->truncated = page->truncated || bounded;
    if (code != FY_OK || page->taken > 0 || page->truncated)
        return code;
    page->oio->instead = (struct fy_oio_error){404, FY_OIO_CODE_NO_CONTENT};
    return fy_err_set(err, FY_ENOTFOUND, "no object of the container has that");
}

/* ------------------------------------------------------------------ the answer */

/* What clients need to go on comes before the properties, which may not fit any more. */
static enum fy_code add_headers(struct page *page, struct fy_oio_facts *facts, struct fy_err *err)
{
    struct fy_oio *oio = page->oio;
    char version[24];
    bool fit = fy_oio_header(oio, "x-oio-list-truncated", page->truncated ? "true" : "false");
    if (fit && page->truncated)
        fit = fy_oio_header(oio, "x-oio-list-marker", page->last);
    if (fit && page->truncated && page->query.all && page->last_version != FY_UNSET) {
        (void)snprintf(version, sizeof(version), "%lld", (long long)page->last_version);
        fit = fy_oio_header(oio, "x-oio-list-version-marker", version);
    }
    if (!fit)
        return fy_err_set(err, FY_EINPUT, "the request's head leaves no room for the answer's");
    fy_oio_facts_headers(oio, facts, true);
    return FY_OK;
}

static enum fy_code answer(struct page *page, struct fy_oio_facts *facts, struct fy_err *err)
{
    enum fy_code code = add_headers(page, facts, err);
    if (code != FY_OK)
        return code;
    struct fy_buf json;
    fy_buf_init(&json,
                (size_t)2 * (FY_OIO_LIST_BYTES + FY_OIO_ENTRY_BYTES_MAX + FY_OIO_FACTS_BYTES_MAX));
    fy_buf_text(&json, "{\"prefixes\":[");
    fy_buf_add(&json, page->prefixes.bytes, page->prefixes.size_bytes);
    fy_buf_text(&json, "],\"properties\":");
    fy_oio_facts_user_json(facts, &json);
    fy_buf_text(&json, ",\"system\":");
    fy_oio_facts_system_json(page->oio, facts, false, &json);
    fy_buf_text(&json, ",\"objects\":[");
    fy_buf_add(&json, page->objects.bytes, page->objects.size_bytes);
    fy_buf_text(&json, "]}");
    return fy_oio_json(page->oio, 200, &json);
}

static enum fy_code list(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(page_free) struct page *page = fy_alloc(sizeof(*page));
    FY_AUTO(fy_oio_facts_free) struct fy_oio_facts *facts = fy_alloc(sizeof(*facts));
    page->oio = oio;
    page->last_version = FY_UNSET;
    fy_buf_init(&page->prefixes, FY_OIO_LIST_BYTES + FY_OIO_ENTRY_BYTES_MAX);
    fy_buf_init(&page->objects, FY_OIO_LIST_BYTES + FY_OIO_ENTRY_BYTES_MAX);
    enum fy_code code = read_question(page, err);
    if (code == FY_OK)
        code = fy_oio_facts_read(oio, facts, err);
    if (code == FY_OK && fy_oio_state(oio, &facts->info.row.rules) == FY_CONTAINER_DISABLED)
        code = fy_container_refuses(&facts->info.row, FY_CONTAINER_DISABLED, FY_EDISABLED, err);
    if (code == FY_OK)
        code = is_filtered(page) ? read_filtered(page, err) : read_page(page, err);
    return code == FY_OK ? answer(page, facts, err) : code;
}

FY_OIO_HANDLER(list, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)

static const struct fy_route routes[] = {FY_OIO_ROUTE("GET", "container/list", list)};
const struct fy_route_table fy_routes_oio_list = {routes, FY_COUNT_OF(routes)};
