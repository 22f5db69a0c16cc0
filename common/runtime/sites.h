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

#endif
