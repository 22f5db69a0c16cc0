/* sites.h - the topology as an array, straight from the catalogue. */
#ifndef FY_RUNTIME_SITES_H
#define FY_RUNTIME_SITES_H

#include "common/ports/catalogue.h"

/*
 * Reads the sites, our own included, by insertion order. Whoever has to do something with each of
 * them does it afterwards: a visitor that waits would hold the catalogue's reader meanwhile.
 *   deleted_too  also those that are DELETED
 *   rows         room for FY_SITES_MAX, as many as a topology may have
 *   count        set on FY_OK
 * Errors: as fy_catalogue_site_list. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_sites_read(struct fy_catalogue *catalogue, bool deleted_too,
                                         struct fy_site_row *rows, size_t *count,
                                         struct fy_err *err);
/* The site of that id, or NULL. */
const struct fy_site_row *fy_sites_find(const struct fy_site_row *rows, size_t count,
                                        const char *id);

/* The rows as bytes for a cache, at most FY_SITES_PACK_BYTES_MAX; gives how many. */
#define FY_SITES_PACK_BYTES_MAX                                                                    \
    (1 + FY_SITES_MAX * (2 * (FY_SITE_BYTES_MAX + 1) + FY_URI_BYTES_MAX + 1 + 3))
FY_MUST_CHECK size_t fy_sites_pack(const struct fy_site_row *rows, size_t count, uint8_t *bytes);
/* Back again, whoever wrote them. rows: room for FY_SITES_MAX, undefined after FY_ECORRUPT, which
 * says that fy_sites_pack did not make these bytes; *count is set on FY_OK only. Thread: any. */
FY_MUST_CHECK enum fy_code fy_sites_unpack(const uint8_t *bytes, size_t size_bytes,
                                           struct fy_site_row *rows, size_t *count);

#endif
