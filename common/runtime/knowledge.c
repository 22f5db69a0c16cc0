/* knowledge.c - topology and rights through the cache port. */
#include "common/runtime/knowledge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime/sites.h"

/* The whole topology is one cache value: it is small, and a look-up wants all of it anyway. */
#define KEY_SITES "sites"
static_assert(FY_SITES_MAX * sizeof(struct fy_site_row) <= FY_CACHE_VALUE_BYTES_MAX,
              "the topology is one cache value");

static enum fy_code sites_fill(void *arg, const char *key, void *value, size_t capacity,
                               size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    (void)key;
    struct fy_node *node = arg;
    size_t count = 0;
    FY_ASSERT(capacity >= FY_SITES_MAX * sizeof(struct fy_site_row));
    enum fy_code code = fy_sites_read(node->catalogue, true, value, &count, err);
    if (code != FY_OK)
        return code;
    *size_bytes = count * sizeof(struct fy_site_row);
    *life_ms = FY_CACHE_LIFE_MS;
    return FY_OK;
}

static enum fy_code sites_get(struct fy_node *node, struct fy_site_row *rows, size_t *count,
                              struct fy_err *err)
{
    size_t size_bytes = 0;
    enum fy_code code =
        fy_cache_get(node->cache, KEY_SITES, rows, FY_SITES_MAX * sizeof(struct fy_site_row),
                     &size_bytes, sites_fill, node, err);
    *count = size_bytes / sizeof(struct fy_site_row);
    return code == FY_OK ? FY_OK : fy_err_add(err, "look up the sites");
}

static void rows_free(struct fy_site_row **rows)
{
    free(*rows);
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

static _Atomic uint32_t *epoch_of(struct fy_node *node, const char *bucket)
{
    uint32_t i = fy_murmur2_partition(bucket, strlen(bucket), FY_RIGHTS_EPOCHS);
    return &node->rights_epoch[i];
}

/* The epoch in the key makes every cached right on a bucket forgotten at once, whoever's it is. A
 * client-id cannot hold a line feed (no header can), so the parts cannot run into each other. */
static void rights_key(struct fy_node *node, const char *client, const char *bucket,
                       char key[FY_CACHE_KEY_BYTES_MAX])
{
    (void)snprintf(key, FY_CACHE_KEY_BYTES_MAX, "right\n%u\n%s\n%s",
                   atomic_load(epoch_of(node, bucket)), client, bucket);
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
    FY_ASSERT(capacity >= sizeof(rights));
    enum fy_code code = rights_read(fill->node, fill->client, fill->bucket, &rights, err);
    if (code != FY_OK)
        return code;
    memcpy(value, &rights, sizeof(rights));
    *size_bytes = sizeof(rights);
    *life_ms = rights == 0 ? FY_CACHE_NEGATIVE_MS : FY_CACHE_LIFE_MS;
    return FY_OK;
}

enum fy_code fy_know_rights(struct fy_node *node, const char *client, const char *bucket,
                            unsigned needed, unsigned *rights, struct fy_err *err)
{
    char key[FY_CACHE_KEY_BYTES_MAX];
    rights_key(node, client, bucket, key);
    struct rights_fill fill = {.node = node, .client = client, .bucket = bucket};
    unsigned known = 0;
    size_t size_bytes = 0;
    enum fy_code code =
        fy_cache_get(node->cache, key, &known, sizeof(known), &size_bytes, rights_fill, &fill, err);
    /* A refusal must be true now: a right given elsewhere a moment ago counts at once. */
    if (code != FY_OK || (known & needed) != needed) {
        code = rights_read(node, client, bucket, &known, err);
        if (code != FY_OK)
            return fy_err_add(err, "look up the rights of '%s' on '%s'", client, bucket);
        if ((known & needed) == needed)
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
    atomic_fetch_add(epoch_of(node, bucket), 1);
}
