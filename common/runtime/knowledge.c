/* knowledge.c - topology and rights through the cache port. */
#include "common/runtime/knowledge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/guid.h"
#include "common/runtime/sites.h"

/* The whole topology is one cache value: it is small, and a look-up wants all of it anyway. */
#define KEY_SITES "sites"
static_assert(FY_SITES_PACK_BYTES_MAX <= FY_CACHE_VALUE_BYTES_MAX, "the topology is one value");

/* Buckets share a mark by hash: a change of one only costs the others a look. */
#define MARKS_COUNT   256
#define MARK_LIFE_MS  (60LL * FY_CACHE_LIFE_MS) /* far above that of the rights it stands for */
#define RIGHTS_FORMAT '1'
#define RIGHTS_BYTES  2 /* the format, then '0' and the bits */
/* Of a right's key: "right", the mark, three line feeds and the closing zero byte. */
#define KEY_BYTES_BESIDE (sizeof "right\n\n\n" + FY_GUID_DIGITS)

static void rows_free(struct fy_site_row **rows)
{
    free(*rows);
}

static enum fy_code sites_fill(void *arg, const char *key, void *value, size_t capacity,
                               size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    (void)key;
    struct fy_node *node = arg;
    FY_AUTO(rows_free)
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof(struct fy_site_row));
    size_t count = 0;
    FY_ASSERT(capacity >= FY_SITES_PACK_BYTES_MAX);
    enum fy_code code = fy_sites_read(node->catalogue, true, rows, &count, err);
    if (code != FY_OK)
        return code;
    *size_bytes = fy_sites_pack(rows, count, value);
    *life_ms = FY_CACHE_LIFE_MS;
    return FY_OK;
}

/* rows: room for FY_SITES_MAX. */
static enum fy_code sites_get(struct fy_node *node, struct fy_site_row *rows, size_t *count,
                              struct fy_err *err)
{
    size_t size_bytes = 0;
    uint8_t *packed = fy_alloc(FY_SITES_PACK_BYTES_MAX);
    enum fy_code code = fy_cache_get(node->cache, KEY_SITES, packed, FY_SITES_PACK_BYTES_MAX,
                                     &size_bytes, sites_fill, node, err);
    bool known = code == FY_OK && fy_sites_unpack(packed, size_bytes, rows, count) == FY_OK;
    free(packed);
    if (!known && (code == FY_OK || code == FY_ETOOBIG)) { /* nothing that we would have written */
        fy_cache_drop(node->cache, KEY_SITES);
        code = fy_sites_read(node->catalogue, true, rows, count, err);
    }
    return code == FY_OK ? FY_OK : fy_err_add(err, "look up the sites");
}

enum fy_code fy_know_sites(struct fy_node *node, fy_site_visit_fn *visit, void *arg,
                           struct fy_err *err)
{
    FY_AUTO(rows_free)
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof(struct fy_site_row));
    size_t count = 0;
    enum fy_code code = sites_get(node, rows, &count, err);
    if (code != FY_OK)
        return code;
    for (size_t i = 0; i < count; i++)
        if (!visit(arg, &rows[i]))
            break;
    return FY_OK;
}

enum fy_code fy_know_site(struct fy_node *node, const char *id, struct fy_site_row *row,
                          struct fy_err *err)
{
    FY_AUTO(rows_free)
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof(struct fy_site_row));
    size_t count = 0;
    enum fy_code code = sites_get(node, rows, &count, err);
    if (code != FY_OK)
        return code;
    const struct fy_site_row *found = fy_sites_find(rows, count, id);
    if (found == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "no site '%s' in the topology", id);
    *row = *found;
    return FY_OK;
}

static void mark_key(const char *bucket, char key[static FY_CACHE_KEY_BYTES_MAX])
{
    unsigned i = fy_murmur2_partition(bucket, strlen(bucket), MARKS_COUNT);
    (void)snprintf(key, FY_CACHE_KEY_BYTES_MAX, "mark\n%u", i);
}

static enum fy_code mark_fill(void *arg, const char *key, void *value, size_t capacity,
                              size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    (void)key;
    (void)err;
    struct fy_node *node = arg;
    FY_ASSERT(capacity > FY_GUID_DIGITS);
    fy_guid_new(node->clock, value);
    *size_bytes = FY_GUID_DIGITS;
    *life_ms = MARK_LIFE_MS;
    return FY_OK;
}

/* The bucket's mark is part of the keys of all rights on it, whoever's they are: when it is
 * dropped, the next one is another, and they are forgotten at once, by every process. A client-id
 * cannot hold a line feed (no header can), so the parts cannot run into each other. False: the
 * names are too long for a key, which cut short would be that of others as well. */
static bool rights_key(struct fy_node *node, const char *client, const char *bucket,
                       char key[static FY_CACHE_KEY_BYTES_MAX])
{
    char mark[FY_GUID_DIGITS + 1] = "";
    size_t size_bytes = 0;
    struct fy_err err = {0};
    if (strlen(client) + strlen(bucket) + KEY_BYTES_BESIDE > FY_CACHE_KEY_BYTES_MAX)
        return false;
    mark_key(bucket, key);
    enum fy_code code =
        fy_cache_get(node->cache, key, mark, FY_GUID_DIGITS, &size_bytes, mark_fill, node, &err);
    if (code != FY_OK || size_bytes != FY_GUID_DIGITS) /* nothing that we would have written */
        fy_guid_new(node->clock, mark);
    (void)snprintf(key, FY_CACHE_KEY_BYTES_MAX, "right\n%s\n%s\n%s", mark, client, bucket);
    return true;
}

struct rights_fill {
    struct fy_node *node;
    const char *client;
    const char *bucket;
};

static enum fy_code rights_read(struct fy_node *node, const char *client, const char *bucket,
                                unsigned *rights, struct fy_err *err)
{
    enum fy_code code = fy_catalogue_right_get(node->catalogue, client, bucket, rights, err);
    if (code != FY_ENOTFOUND)
        return code;
    *rights = 0;
    return FY_OK;
}

static enum fy_code rights_fill(void *arg, const char *key, void *value, size_t capacity,
                                size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    (void)key;
    struct rights_fill *fill = arg;
    unsigned rights = 0;
    FY_ASSERT(capacity >= RIGHTS_BYTES);
    enum fy_code code = rights_read(fill->node, fill->client, fill->bucket, &rights, err);
    if (code != FY_OK)
        return code;
    memcpy(value, (char[]){RIGHTS_FORMAT, (char)('0' + rights)}, RIGHTS_BYTES);
    *size_bytes = RIGHTS_BYTES;
    *life_ms = rights == 0 ? FY_CACHE_NEGATIVE_MS : FY_CACHE_LIFE_MS;
    return FY_OK;
}

/* The bits of a cached value; none when it is nothing that we would have written. */
static unsigned rights_parse(const char *value, size_t size_bytes)
{
    if (size_bytes != RIGHTS_BYTES || value[0] != RIGHTS_FORMAT)
        return 0;
    return value[1] >= '0' && value[1] <= '0' + FY_RIGHT_OWNER ? (unsigned)(value[1] - '0') : 0;
}

enum fy_code fy_know_rights(struct fy_node *node, const char *client, const char *bucket,
                            unsigned needed, unsigned *rights, struct fy_err *err)
{
    char key[FY_CACHE_KEY_BYTES_MAX];
    bool fits = rights_key(node, client, bucket, key);
    struct rights_fill fill = {.node = node, .client = client, .bucket = bucket};
    char value[RIGHTS_BYTES];
    size_t size_bytes = 0;
    bool told = fits && fy_cache_get(node->cache, key, value, sizeof(value), &size_bytes,
                                     rights_fill, &fill, err) == FY_OK;
    unsigned known = told ? rights_parse(value, size_bytes) : 0;
    /* A refusal must be true now: a right given elsewhere a moment ago counts at once. */
    if (!told || (known & needed) != needed) {
        enum fy_code code = rights_read(node, client, bucket, &known, err);
        if (code != FY_OK)
            return fy_err_add(err, "look up the rights of '%s' on '%s'", client, bucket);
        if (fits && (known & needed) == needed)
            fy_cache_drop(node->cache, key);
    }
    *rights = known;
    return FY_OK;
}

void fy_know_sites_changed(struct fy_node *node)
{
    fy_cache_drop(node->cache, KEY_SITES);
    fy_bell_ring(&node->sites_bell);
}

void fy_know_rights_changed(struct fy_node *node, const char *bucket)
{
    char key[FY_CACHE_KEY_BYTES_MAX];
    mark_key(bucket, key);
    fy_cache_drop(node->cache, key);
}
