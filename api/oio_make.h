/* oio_make.h - a container comes, or goes: for whatever operation does it. */
#ifndef FY_API_OIO_MAKE_H
#define FY_API_OIO_MAKE_H

#include "api/oio.h"
#include "common/adapters/oio_json.h"

/* What a new container is asked to be, before anything is made. FY_EINPUT: a region, or a storage
 * policy, that is not ours. */
FY_MUST_CHECK enum fy_code fy_oio_make_check(struct fy_oio *oio, const struct fy_oio_body *body,
                                             struct fy_err *err);
/* A container of the request's account. body: its properties; those without a value are left out.
 * Errors: those of struct fy_cat_container_make. */
FY_MUST_CHECK enum fy_code fy_oio_make(struct fy_oio *oio, const char *name,
                                       const struct fy_oio_body *body, struct fy_err *err);
/* A container of that name came or went, and an order was written: those are told who have to know.
 */
void fy_oio_container_changed(struct fy_oio *oio, const char *name);

#endif
